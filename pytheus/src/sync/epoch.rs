//! [Epoch-based reclamation]: memory, unlinked from a table, is freed once no reader can hold a reference to it.
//!
//! There is an epoch per removal in place of three in turn, to free each removal as soon as the readers of its time are
//! gone. A reader writes the epoch into its own shard, and nowhere else.
//!
//! [Epoch-based reclamation]: https://www.cl.cam.ac.uk/techreports/UCAM-CL-TR-579.pdf
//! "K. Fraser, Practical lock-freedom, 2004, section 5.2.3; crossbeam-epoch is the best-known implementation in Rust"

use std::collections::VecDeque;

use super::barrier;
use super::shim::{AcqRel, Acquire, AtomicU64, Relaxed, Release, constant};

/// The epoch of a pinned thread, or 0.
pub(crate) struct Pin(AtomicU64);

/// Keeps the thread pinned: nothing found in a table is freed meanwhile.
pub(crate) struct Pinned<'a> {
    pin: &'a Pin,
    /// An outer guard is there, and unpins the thread.
    is_nested: bool,
}

impl Pin {
    constant! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Pins the thread.
    #[inline]
    pub(crate) fn pin(&self, epoch: &Epoch) -> Pinned<'_> {
        let is_nested = self.0.load(Relaxed) != 0;
        if !is_nested {
            // Acquire: with a later epoch than that of a removal, a thread does not find the removed entry.
            self.publish(epoch.0.load(Acquire));
        }
        Pinned { pin: self, is_nested }
    }

    /// Unpins a thread of the parent, in a forked child.
    pub(crate) fn unpin_after_fork(&self) {
        if self.0.load(Relaxed) != 0 {
            self.0.store(0, Relaxed);
        }
    }

    /// Writes the epoch; no later read of this thread comes before that.
    #[inline]
    fn publish(&self, epoch: u64) {
        // Release: a collector of this epoch sees the end of the critical section before it.
        self.0.store(epoch, Release);
        barrier::light();
    }
}

impl Drop for Pinned<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_nested {
            // Release: all reads of the critical section come before.
            self.pin.0.store(0, Release);
        }
    }
}

/// Counts removals, from 1.
pub(crate) struct Epoch(AtomicU64);

impl Epoch {
    constant! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(1))
        }
    }

    /// Ends the current epoch and returns it. The removal comes before.
    fn advance(&self) -> u64 {
        self.0.fetch_add(1, AcqRel)
    }
}

/// Removed values, each with its epoch, until they can be dropped.
#[derive(Debug)]
pub(crate) struct Retired<T> {
    /// In the order of their epochs, as one writer adds them.
    values: VecDeque<(u64, T)>,
    /// No thread holds a reference to a value from an epoch before this one.
    safe_epoch: u64,
}

impl<T> Retired<T> {
    pub(crate) const fn new() -> Self {
        Self { values: VecDeque::new(), safe_epoch: 0 }
    }

    /// Adds a value removed just now.
    pub(crate) fn add(&mut self, epoch: &Epoch, value: T) {
        self.values.push_back((epoch.advance(), value));
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Finds the values that are safe to drop.
    pub(crate) fn collect<'a>(&mut self, pins: impl Iterator<Item = &'a Pin>) {
        // After the barrier, either a pin is seen here, or its thread sees the removal.
        if !barrier::heavy() {
            return;
        }
        let oldest = pins.map(|pin| pin.0.load(Acquire)).filter(|epoch| *epoch != 0).min().unwrap_or(u64::MAX);
        // No further than the last value: readers may hold references to later ones.
        let last = self.values.back().map_or(0, |(epoch, _)| *epoch);
        self.safe_epoch = oldest.min(last + 1);
    }

    /// Drops some of the safe values, the oldest first.
    pub(crate) fn drop_some(&mut self, max: usize) {
        for _ in 0..max {
            if self.values.front().is_none_or(|(epoch, _)| *epoch >= self.safe_epoch) {
                break;
            }
            drop(self.values.pop_front());
        }
        if self.values.is_empty() && self.values.capacity() > 1024 {
            self.values = VecDeque::new();
        }
    }
}
