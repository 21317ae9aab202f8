//! The bytes of a file, and nothing of the directory that it lies in.
//!
//! | file | holds |
//! |---|---|
//! | `header`, `superblock` | the first page: whose file it is, which log is current, and how long that is |
//! | `record`, `keys`, `log` | records, the families and series in them, and the extents that they lie in |
//! | `compaction` | a short log takes the place of a long one |
//! | `allocator`, `mappings` | free pages of the file, and its pages in memory |
//! | `exact_amount`, `file_id`, `crc32`, `error` | what the others are made of |
//!
#![doc = include_str!("../FORMAT.md")]

pub(super) mod allocator;
pub(super) mod compaction;
pub(super) mod crc32;
pub(super) mod error;
pub(super) mod exact_amount;
pub(super) mod file_id;
pub(super) mod header;
pub(super) mod keys;
pub(super) mod log;
pub(super) mod mappings;
pub(super) mod record;
pub(super) mod superblock;

pub(super) use allocator::{Allocator, UNIT};
pub(super) use compaction::LogWriter;
pub(super) use crc32::crc32;
pub(super) use error::{FormatError, SkipReason, SkippedFile};
pub(super) use exact_amount::ExactAmount;
pub(super) use file_id::FileId;
pub(super) use header::{CELLS, Header, LOG, PAGE, VERSION, check_version, take};
pub(super) use keys::{parse_family, parse_series};
pub(super) use log::Cursor;
pub(super) use mappings::{Mappings, PageRef};
pub(super) use record::{ARCHIVE_HEAD_LEN, END_LEN, NEXT_EXTENT_LEN, Record};
pub(super) use superblock::LogGeneration;
