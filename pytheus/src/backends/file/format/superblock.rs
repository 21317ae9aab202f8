//! Where the log of a file is now, and how long: words of the first page.
//!
//! A log only grows; when most of what it says is over, the process that writes it puts a short one in its place
//! (see `compact`), of the next generation. The generation and the place are one word, and the lengths of two generations
//! that follow each other are two words. In this order:
//!
//! 1. the new log is written where nothing is that counts,
//! 2. the word for the lengths of its generation is set,
//! 3. the word that says which log counts is set: from here on it is the new one, whatever happens to the process,
//! 4. what lay in the old log is written over.
//!
//! Who reads takes the place, the length, and looks whether it is still the same place: then they belong together. Bytes
//! of a log are those of a log if it still counts after they were read; else all of it is read again.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use std::sync::atomic::fence;

use crate::backends::file::format::{LOG, PAGE};
use crate::storage::Page;

/// The cell of the first page that says how long a log of an even generation is, in bytes. It has a line of its own, as
/// all of these have.
pub(crate) const COMMITTED: usize = 64;
/// The same, of an odd generation.
const COMMITTED_ODD: usize = 72;
/// The cell that says which log counts: its generation, and the page that it begins with; 0 is the one that a file is made
/// with.
pub(crate) const CURRENT: usize = 80;

/// A log of a file: its generation, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogGeneration(u64);

impl LogGeneration {
    /// The log that a file is made with.
    pub(crate) const FIRST: Self = Self(0);

    /// The one that counts. What was read of another one before is not to be believed.
    pub(crate) fn now(first: &Page) -> Self {
        // Who has read what was written over a log sees that it counts no more.
        fence(Acquire);
        Self(first.cells()[CURRENT].load(Acquire))
    }

    /// The one that counts, and how long it is.
    pub(crate) fn committed(first: &Page) -> (Self, u64) {
        loop {
            let generation = Self::now(first);
            let len = first.cells()[generation.length()].load(Acquire);
            if Self::now(first) == generation {
                return (generation, len);
            }
        }
    }

    /// Says how long this log is, which is to count or counts.
    pub(crate) fn commit(self, first: &Page, len: u64) {
        // Release: who sees the length sees the records.
        first.cells()[self.length()].store(len, Release);
    }

    /// Puts this log in place of the one that counts.
    pub(crate) fn publish(self, first: &Page) {
        first.cells()[CURRENT].store(self.0, Release);
        // What lay in the other is written over from now on.
        fence(SeqCst);
    }

    /// One of the next generation, that begins there.
    pub(crate) fn next(self, start: u64) -> io::Result<Self> {
        let page = u32::try_from(start / PAGE).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let generation = (self.0 >> 32).wrapping_add(1);
        Ok(Self(generation << 32 | u64::from(page)))
    }

    /// Where it begins.
    pub(crate) fn start(self) -> u64 {
        match self.0 & u64::from(u32::MAX) {
            0 => LOG,
            page => page * PAGE,
        }
    }

    /// The cell that says how long it is.
    fn length(self) -> usize {
        if self.0 >> 32 & 1 == 0 { COMMITTED } else { COMMITTED_ODD }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_log_has_the_next_generation_and_another_length() {
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
