//! Where there is room in a file, which grows by zeros that are written: a full disk is an error then, and not a fault
//! when cells are touched.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::header::PAGE;

/// The least that a file grows by: whatever the size of the system's pages, what is added begins with one.
pub(super) const UNIT: u64 = ZEROS.len() as u64;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
/// The most that a file grows by at a time, when less is needed.
const MOST: u64 = 4 * 1024 * 1024;

/// The room in a file of which one process alone takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    /// From here on nothing was taken.
    free: u64,
    /// What the file has grown to.
    end: u64,
}

impl Space {
    /// Of a file of this length, of which all is taken before `free`.
    pub(super) fn new(free: u64, len: u64) -> Self {
        Self { free, end: len / UNIT * UNIT }
    }

    /// What the file has grown to.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Takes so many bytes, in whole pages, and says where they begin.
    pub(super) fn take(&mut self, file: &File, len: u64) -> io::Result<u64> {
        let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
        let len = len.checked_next_multiple_of(PAGE).ok_or_else(too_large)?;
        let wanted = self.free.checked_add(len).ok_or_else(too_large)?;
        if wanted > self.end {
            self.grow(file, wanted)?;
        }
        let taken = self.free;
        self.free = wanted;
        Ok(taken)
    }

    fn grow(&mut self, file: &File, wanted: u64) -> io::Result<()> {
        let end = wanted.max(self.end + (self.end / 4).min(MOST)).next_multiple_of(UNIT);
        let mut offsets = (self.end..end).step_by(ZEROS.len());
        if let Err(error) = offsets.try_for_each(|offset| file.write_all_at(&ZEROS, offset)) {
            // What was written is of use to others. Should that fail, too, it is written again when there is room.
            let _ = file.set_len(self.end);
            return Err(error);
        }
        self.end = end;
        Ok(())
    }
}
