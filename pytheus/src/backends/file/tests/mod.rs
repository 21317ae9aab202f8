//! Several processes, real ones, share a directory; some of them die where it hurts most.

mod archive;
mod child;
mod directory;
mod errands;
