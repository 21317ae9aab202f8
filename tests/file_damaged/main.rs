//! Files that are lost, damaged, forbidden or no files of a process.

mod fuzz;
mod lost;
mod owners;
mod skipped;
