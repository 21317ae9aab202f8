//! Directories without room, directories that are refused, stopped processes, and removal in all processes.

mod full;
mod refused;
mod removal;
mod stopped;
