//! Allocates pages of a file. It grows by zeros that are written, so that a full disk is an error of `write` and not a
//! signal when a mapped cell is touched.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::backends::file::format::{Header, LOG, PAGE};

/// Least growth: whatever the size of the system's pages, a growth starts with a page.
pub(crate) const UNIT: u64 = ZEROS.len() as u64;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
/// Most growth at a time, unless more is needed.
const MOST: u64 = 4 * 1024 * 1024;

/// The pages of a file that only this process allocates.
#[derive(Debug, Clone)]
pub(crate) struct Allocator {
    /// Offset of the first page that was never allocated.
    next_free: u64,
    /// Length of the file.
    end: u64,
    /// Free ranges before that, sorted: offset and length. Their bytes may be anything.
    free_list: Vec<(u64, u64)>,
}

impl Allocator {
    /// For a file of this length, allocated before `next_free`.
    pub(crate) fn new(next_free: u64, len: u64) -> Self {
        Self { next_free, end: len / UNIT * UNIT, free_list: Vec::new() }
    }

    /// Writes the first pages of an empty file.
    pub(crate) fn of_new_file(file: &File, header: &Header) -> io::Result<Self> {
        let mut allocator = Self::new(0, 0);
        allocator.alloc_zeroed(file, LOG + u64::from(header.first_extent))?;
        file.write_all_at(&header.encode(), 0)?;
        Ok(allocator)
    }

    /// Returns the length of the file.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Allocates whole pages for so many bytes; returns their offset. They may hold old bytes.
    pub(crate) fn alloc(&mut self, file: &File, len: u64) -> io::Result<u64> {
        let whole = len.checked_next_multiple_of(PAGE).unwrap_or(len);
        // Best fit.
        let fits = self.free_list.iter_mut().filter(|(_, room)| *room >= whole).min_by_key(|(_, room)| *room);
        let Some((start, room)) = fits else { return self.alloc_zeroed(file, len) };
        let taken = *start;
        (*start, *room) = (taken + whole, *room - whole);
        self.free_list.retain(|(_, room)| *room != 0);
        Ok(taken)
    }

    /// Frees pages, for uses that need no zeros.
    pub(crate) fn free(&mut self, start: u64, len: u64) {
        let place = self.free_list.partition_point(|(other, _)| *other < start);
        self.free_list.insert(place, (start, len.next_multiple_of(PAGE)));
        // Join neighbours.
        self.free_list.dedup_by(|after, before| {
            let joins = before.0 + before.1 == after.0;
            before.1 += if joins { after.1 } else { 0 };
            joins
        });
    }

    /// Allocates whole pages of zeros for so many bytes; returns their offset.
    pub(crate) fn alloc_zeroed(&mut self, file: &File, len: u64) -> io::Result<u64> {
        let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
        let len = len.checked_next_multiple_of(PAGE).ok_or_else(too_large)?;
        let wanted = self.next_free.checked_add(len).ok_or_else(too_large)?;
        if wanted > self.end {
            self.grow(file, wanted)?;
        }
        let taken = self.next_free;
        self.next_free = wanted;
        Ok(taken)
    }

    fn grow(&mut self, file: &File, wanted: u64) -> io::Result<()> {
        // Growing a truncated file would put zeros in place of counts, unnoticed.
        if file.metadata()?.len() < self.end {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file was truncated"));
        }
        let end = wanted.max(self.end + (self.end / 4).min(MOST)).next_multiple_of(UNIT);
        let mut offsets = (self.end..end).step_by(ZEROS.len());
        if let Err(error) = offsets.try_for_each(|offset| file.write_all_at(&ZEROS, offset)) {
            // Give the space back. Should that fail, too, the zeros are written again later.
            let _ = file.set_len(self.end);
            return Err(error);
        }
        self.end = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_pages_are_allocated_again() {
        let file = tempfile::tempfile().unwrap();
        let mut allocator = Allocator::new(0, 0);
        let starts: Vec<_> = (1..=4).map(|pages| allocator.alloc(&file, pages * PAGE).unwrap() / PAGE).collect();
        assert_eq!(starts, [0, 1, 3, 6]);
        allocator.free(0, PAGE);
        allocator.free(3 * PAGE, 3 * PAGE);
        assert_eq!(allocator.alloc_zeroed(&file, PAGE).unwrap() / PAGE, 10, "these have to be zeros");
        assert_eq!(allocator.alloc(&file, 1).unwrap(), 0, "where least is left over");
        assert_eq!(allocator.alloc(&file, 1).unwrap() / PAGE, 3);
        allocator.free(3 * PAGE, PAGE);
        allocator.free(PAGE, 2 * PAGE);
        allocator.free(0, PAGE);
        assert_eq!(allocator.free_list, [(0, 6 * PAGE)]);
        assert_eq!(allocator.alloc(&file, 6 * PAGE).unwrap(), 0);
        assert_eq!(allocator.alloc(&file, PAGE).unwrap() / PAGE, 11);
        assert_eq!((allocator.free_list, file.metadata().unwrap().len()), (Vec::new(), UNIT));
    }

    #[test]
    fn a_truncated_file_does_not_grow_again() {
        let file = tempfile::tempfile().unwrap();
        let mut allocator = Allocator::new(0, 0);
        allocator.alloc_zeroed(&file, PAGE).unwrap();
        file.set_len(PAGE).unwrap();
        let refused = allocator.alloc_zeroed(&file, 2 * UNIT).expect_err("zeros would stand where counts were");
        assert!(refused.to_string().contains("truncated"), "{refused}");
        assert_eq!(file.metadata().unwrap().len(), PAGE);
    }
}
