//! The [superblock](https://en.wikipedia.org/wiki/Superblock_(file_system)): words of the first page that say which log
//! is current, and how long it is.
//!
//! A log only grows, until [compaction](crate::backends::file::format::compaction) replaces it by one of the next
//! generation. Generation and first page share one word; the lengths of two successive generations are two words. The
//! order:
//!
//! 1. Write the new log to free pages.
//! 2. Store the length for its generation.
//! 3. Store generation and first page: the new log is current from here on, even after a crash.
//! 4. Reuse the pages of the old log.
//!
//! A reader loads the generation, the length, and the generation again, like a
//! [seqlock](https://en.wikipedia.org/wiki/Seqlock). Bytes of a log are valid if it is still current after they were
//! read; else all of it is read again.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use std::sync::atomic::fence;

use crate::backends::file::format::{LOG, PAGE};
use crate::storage::Page;

/// Cell of the committed length, in bytes, of even generations. Each of these cells has a cache line of its own.
pub(crate) const COMMITTED: usize = 64;
/// The same, of odd generations.
const COMMITTED_ODD: usize = 72;
/// Cell of the current generation and its first page; 0 is the first log of a file.
pub(crate) const CURRENT: usize = 80;

/// A generation of the log, and its first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogGeneration(u64);

impl LogGeneration {
    /// The first log of a file.
    pub(crate) const FIRST: Self = Self(0);

    /// Returns the current generation. Bytes that were read of another one are invalid.
    pub(crate) fn now(first: &Page) -> Self {
        // A reader of reused pages sees that the generation has changed.
        fence(Acquire);
        Self(first.cells()[CURRENT].load(Acquire))
    }

    /// Returns the current generation, and its committed length.
    pub(crate) fn committed(first: &Page) -> (Self, u64) {
        loop {
            let generation = Self::now(first);
            let len = first.cells()[generation.length()].load(Acquire);
            if Self::now(first) == generation {
                return (generation, len);
            }
        }
    }

    /// Commits a length of this generation, which is current or about to be.
    pub(crate) fn commit(self, first: &Page, len: u64) {
        // Release: a reader of the length sees the records.
        first.cells()[self.length()].store(len, Release);
    }

    /// Makes this generation the current one.
    pub(crate) fn publish(self, first: &Page) {
        first.cells()[CURRENT].store(self.0, Release);
        // The pages of the old log are reused from now on.
        fence(SeqCst);
    }

    /// Returns the next generation, with this offset.
    pub(crate) fn next(self, start: u64) -> io::Result<Self> {
        let page = u32::try_from(start / PAGE).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let generation = (self.0 >> 32).wrapping_add(1);
        Ok(Self(generation << 32 | u64::from(page)))
    }

    /// Returns the offset of its first page.
    pub(crate) fn start(self) -> u64 {
        match self.0 & u64::from(u32::MAX) {
            0 => LOG,
            page => page * PAGE,
        }
    }

    /// Returns the cell of its length.
    fn length(self) -> usize {
        if self.0 >> 32 & 1 == 0 { COMMITTED } else { COMMITTED_ODD }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successive_generations_alternate_between_two_lengths() {
        let second = LogGeneration::FIRST.next(65_536).unwrap();
        let third = second.next(LOG).unwrap();
        assert_eq!([LogGeneration::FIRST, second, third].map(LogGeneration::start), [LOG, 65_536, LOG]);
        assert_eq!(
            [LogGeneration::FIRST, second, third].map(LogGeneration::length),
            [COMMITTED, COMMITTED_ODD, COMMITTED]
        );
        assert_ne!(LogGeneration::FIRST, third);
        assert!(LogGeneration::FIRST.next(u64::MAX).is_err());
        assert_eq!(LogGeneration(u64::MAX).next(LOG).unwrap().0, 1);
    }
}
