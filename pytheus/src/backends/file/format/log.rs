//! The log of a file: records in extents, as in a [log-structured file system](https://doi.org/10.1145/146941.146943).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::backends::file::format::{
    Allocator, FormatError, Header, LOG, LogGeneration, NEXT_EXTENT_LEN, PAGE, Record,
};

/// A position in a log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    /// Offset of the next record in the file.
    at: u64,
    /// Start and end of the extent.
    start: u64,
    end: u64,
    /// Offset in the log.
    offset: u64,
    /// Length of this extent and all before it.
    extents: u64,
}

/// Bounds of the length of a further extent, unless a record needs more.
const LEAST: u64 = 16 * 1024;
const MOST: u64 = 1024 * 1024;

impl Cursor {
    /// The start of a log.
    pub(crate) fn new(header: &Header, generation: LogGeneration) -> Self {
        let (start, extents) = (generation.start(), u64::from(header.first_extent));
        Self { at: start, start, end: start + extents, offset: 0, extents }
    }

    /// Returns the offset in the log.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the end of the extent.
    pub(crate) fn extent_end(&self) -> u64 {
        self.end
    }

    /// Reads up to the committed length of the log or the end of the extent, in a file of this length. Reads nothing if
    /// there is no more.
    pub(crate) fn read_extent(
        &self,
        file: &File,
        len: u64,
        committed: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        if committed < self.offset || !committed.is_multiple_of(8) {
            return Err(FormatError::corrupt("the length of its log is wrong"));
        }
        let wanted = (committed - self.offset).min(self.end.saturating_sub(self.at));
        if self.at.checked_add(wanted).is_none_or(|end| end > len) {
            return Err(FormatError::truncated("it ends before its log does"));
        }
        bytes.resize(usize::try_from(wanted).map_err(|_| FormatError::corrupt("its log is too long"))?, 0);
        if wanted == 0 && committed != self.offset {
            return Err(FormatError::corrupt("its log is longer than its extents"));
        }
        Ok(file.read_exact_at(bytes, self.at)?)
    }

    /// Replays records that were read, and moves behind them.
    pub(crate) fn replay(
        &mut self,
        mut bytes: &[u8],
        len: u64,
        show: &mut dyn FnMut(&Record<'_>) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        while !bytes.is_empty() {
            let (record, record_len) = Record::decode(bytes)?;
            bytes = bytes.get(record_len..).unwrap_or_default();
            self.at += record_len as u64;
            self.offset += record_len as u64;
            show(&record)?;
            if let Record::NextExtent { offset, len: extent } = record {
                return self.next_extent(offset, extent, len);
            }
        }
        Ok(())
    }

    fn next_extent(&mut self, offset: u64, extent: u64, len: u64) -> Result<(), FormatError> {
        let end = offset.checked_add(extent).filter(|_| extent != 0);
        let end = end.ok_or_else(|| FormatError::corrupt("its log has an impossible extent"))?;
        let is_here = offset < self.end && end > self.start;
        if offset < LOG || is_here || !offset.is_multiple_of(PAGE) || !extent.is_multiple_of(PAGE) {
            return Err(FormatError::corrupt("its log has an extent that is misplaced"));
        }
        if end > len {
            return Err(FormatError::truncated("it ends before its log does"));
        }
        // No extent comes twice, so no more is read than the file has.
        self.extents = self.extents.saturating_add(extent);
        if self.extents > len {
            return Err(FormatError::corrupt("its log is longer than the file"));
        }
        (self.at, self.start, self.end) = (offset, offset, end);
        Ok(())
    }

    /// Writes records into one extent, with room for `reserve` bytes behind them; returns the length to be committed.
    /// After an error nothing has changed.
    pub(crate) fn append(
        &mut self,
        file: &File,
        allocator: &mut Allocator,
        records: &[u8],
        reserve: u64,
    ) -> io::Result<u64> {
        let len = records.len() as u64;
        let wanted = len + reserve + NEXT_EXTENT_LEN;
        let mut next = *self;
        if self.at + wanted > self.end {
            let extent = wanted.max((self.offset / 2).clamp(LEAST, MOST)).next_multiple_of(PAGE);
            let start = allocator.alloc(file, extent)?;
            let mut next_extent = Vec::new();
            Record::NextExtent { offset: start, len: extent }.encode(&mut next_extent)?;
            let written = file.write_all_at(&next_extent, self.at).and_then(|()| file.write_all_at(records, start));
            written.inspect_err(|_| allocator.free(start, extent))?;
            (next.at, next.start, next.end) = (start, start, start + extent);
            next.offset += next_extent.len() as u64;
            next.extents += extent;
        } else {
            file.write_all_at(records, next.at)?;
        }
        next.at += len;
        next.offset += len;
        *self = next;
        Ok(next.offset)
    }
}
