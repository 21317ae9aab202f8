//! Totals of all processes of a machine, in the files of one directory.

#![allow(dead_code, reason = "until the backend is put together")]

mod amount;
mod archive;
mod archive_bytes;
mod common;
mod contents;
mod crc32;
mod directory;
mod error;
mod fault;
mod fault_point;
mod fold;
mod header;
mod life;
mod log;
mod maps;
mod own;
mod peer;
mod reading;
mod record;
mod remove;
#[cfg(test)]
mod samples;
mod space;
#[cfg(test)]
mod tests;

pub use error::{FileError, FileFault};
