//! The first page of a file: what it is, whose, and how long its log is.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use super::amount::FileId;
use super::crc32::crc32;
use super::fault::{Fault, Reason};

const MAGIC: [u8; 8] = *b"PYTHEUS\n";
/// The layout of files that this crate reads and writes.
pub(super) const VERSION: u32 = 1;
/// Reads the same where numbers lie in memory in the same order.
const ORDER: u32 = 0x0102_0304;

/// Bytes of the unit in which a file is laid out: a page of cells.
pub(super) const PAGE: u64 = size_of::<crate::storage::Page>() as u64;
/// Cells of a page.
pub(super) const CELLS: u32 = PAGE as u32 / 8;
/// The cell of the first page that says how long the log is, in bytes. In a line of its own.
pub(super) const COMMITTED: usize = 64;
/// Where the log begins.
pub(super) const LOG: u64 = PAGE;

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: FileId,
    /// The order in which processes were born; 0 for the file that all write.
    pub(super) number: u64,
    pub(super) pid: u32,
    /// Nanoseconds since 1970.
    pub(super) started: u64,
    /// How long the first extent of the log is.
    pub(super) first_extent: u32,
}
