//! Totals of all processes of a machine, in the files of one directory.

#![allow(dead_code, reason = "until the backend is put together")]

mod amount;
mod common;
mod contents;
mod crc32;
mod fault;
mod header;
mod log;
mod own;
mod peer;
mod record;
