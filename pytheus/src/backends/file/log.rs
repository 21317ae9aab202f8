//! The log of a file: records, one after the other, in extents that lie where the file has grown.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::fault::Fault;
use super::header::{Header, LOG, PAGE};
use super::record::{JUMP_LEN, Record};
use super::space::Space;

/// A place in a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    /// Where the next record begins, in the file.
    at: u64,
    /// Where the extent ends.
    end: u64,
    /// Bytes of the log before it.
    passed: u64,
}

/// The extents of a log that has grown, so long as they are not made for more.
const LEAST: u64 = 16 * 1024;
const MOST: u64 = 1024 * 1024;

impl Cursor {
    /// The beginning of a log.
    pub(super) fn new(header: &Header) -> Self {
        Self { at: LOG, end: LOG + u64::from(header.first_extent), passed: 0 }
    }

    /// Bytes of the log before it.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Where the extent ends that it is in.
    pub(super) fn extent_end(&self) -> u64 {
        self.end
    }

    /// Shows the records up to the committed length of the log, in a file of so many bytes.
    ///
    /// Extents come one after the other, so nothing is read twice, and no more than the file has.
    pub(super) fn read(
        &mut self,
        file: &File,
        len: u64,
        committed: u64,
        show: &mut dyn FnMut(&Record<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if committed < self.passed || !committed.is_multiple_of(8) {
            return Err(Fault::corrupt("the length of its log is wrong"));
        }
        let mut bytes = Vec::new();
        while self.passed < committed {
            let wanted = (committed - self.passed).min(self.end.saturating_sub(self.at));
            if self.at.checked_add(wanted).is_none_or(|end| end > len) {
                return Err(Fault::truncated("it ends before its log does"));
            }
            bytes.resize(usize::try_from(wanted).map_err(|_| Fault::corrupt("its log is too long"))?, 0);
            file.read_exact_at(&mut bytes, self.at)?;
            self.read_extent(&bytes, len, show)?;
        }
        Ok(())
    }

    /// Shows the records up to the end of the bytes, or to that of the extent.
    fn read_extent(
        &mut self,
        mut bytes: &[u8],
        len: u64,
        show: &mut dyn FnMut(&Record<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        loop {
            let (record, record_len) = Record::decode(bytes)?;
            bytes = bytes.get(record_len..).unwrap_or_default();
            self.at += record_len as u64;
            self.passed += record_len as u64;
            if let Record::Jump { offset, len: extent } = record {
                return self.jump(offset, extent, len);
            }
            show(&record)?;
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    fn jump(&mut self, offset: u64, extent: u64, len: u64) -> Result<(), Fault> {
        let end = offset.checked_add(extent).filter(|_| extent != 0);
        let end = end.ok_or_else(|| Fault::corrupt("its log goes on nowhere"))?;
        if offset < self.end || !offset.is_multiple_of(PAGE) || !extent.is_multiple_of(PAGE) {
            return Err(Fault::corrupt("its log goes on where something else is"));
        }
        if end > len {
            return Err(Fault::truncated("it ends before its log does"));
        }
        (self.at, self.end) = (offset, end);
        Ok(())
    }

    /// Writes records, all in one extent, so that room for `reserve` bytes is left there. They count once the length that
    /// this gives is committed; after an error nothing has changed.
    pub(super) fn append(&mut self, file: &File, space: &mut Space, records: &[u8], reserve: u64) -> io::Result<u64> {
        let len = records.len() as u64;
        let wanted = len + reserve + JUMP_LEN;
        let mut next = *self;
        if self.at + wanted > self.end {
            let extent = wanted.max((self.passed / 2).clamp(LEAST, MOST)).next_multiple_of(PAGE);
            next.at = space.take(file, extent)?;
            next.end = next.at + extent;
            let mut jump = Vec::new();
            Record::Jump { offset: next.at, len: extent }.encode(&mut jump)?;
            file.write_all_at(&jump, self.at)?;
            next.passed += jump.len() as u64;
        }
        file.write_all_at(records, next.at)?;
        next.at += len;
        next.passed += len;
        *self = next;
        Ok(next.passed)
    }
}
