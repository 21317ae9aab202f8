//! When what was taken out of a table can be dropped: once nobody looks at it any more.
//!
//! Source: epoch-based reclamation, K. Fraser, *Practical lock-freedom*, 2004, with one epoch per removal in place of
//! three in turn. A reader writes the epoch into its own shard and nothing else.

use std::collections::VecDeque;

use super::barrier;
use super::sync::{AcqRel, Acquire, AtomicU64, Relaxed, Release, constant};

/// The epoch in which a thread began to look at a table, or 0.
pub(super) struct Pin(AtomicU64);

/// Shows that the thread is pinned: what it finds in a table is not dropped meanwhile.
pub(crate) struct Pinned<'a> {
    pin: &'a Pin,
    /// Within another one, which ends it.
    nested: bool,
}

impl Pin {
    constant! {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Begins to look.
    #[inline]
    pub(super) fn begin(&self, epoch: &Epoch) -> Pinned<'_> {
        let nested = self.0.load(Relaxed) != 0;
        if !nested {
            // Acquire: who pins a later epoch than that of a removal does not find what was removed.
            self.set(epoch.0.load(Acquire));
        }
        Pinned { pin: self, nested }
    }

    /// Ends the look of a thread that is no more.
    #[allow(dead_code, reason = "after a fork, which not every system has")]
    pub(super) fn cut_off(&self) {
        if self.0.load(Relaxed) != 0 {
            self.0.store(0, Relaxed);
        }
    }

    /// Writes the epoch, and lets nothing be read before that is seen by all.
    #[inline]
    fn set(&self, epoch: u64) {
        // Release: who sees this look sees that the one before is over, and all that it read and counted.
        self.0.store(epoch, Release);
        barrier::light();
    }
}

impl Drop for Pinned<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.nested {
            // Release: all that was read was read before.
            self.pin.0.store(0, Release);
        }
    }
}

/// Counts removals. Begins at 1.
pub(super) struct Epoch(AtomicU64);

impl Epoch {
    constant! {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(1))
        }
    }

    /// Ends the epoch in which something was removed, and gives it. The removal comes before.
    fn end(&self) -> u64 {
        self.0.fetch_add(1, AcqRel)
    }
}

/// What was removed, each with its epoch, until it can be dropped.
#[derive(Debug)]
pub(super) struct Retired<T> {
    /// In the order of their epochs: one writer adds them.
    removed: VecDeque<(u64, T)>,
    /// No thread looks any more at what was removed in an epoch before this one.
    free: u64,
}

impl<T> Retired<T> {
    pub(super) const fn new() -> Self {
        Self { removed: VecDeque::new(), free: 0 }
    }

    /// Keeps what was removed just now, until nobody can look at it.
    pub(super) fn add(&mut self, epoch: &Epoch, removed: T) {
        self.removed.push_back((epoch.end(), removed));
    }

    pub(super) fn len(&self) -> usize {
        self.removed.len()
    }

    /// Finds out what nobody looks at any more.
    pub(super) fn sweep<'a>(&mut self, pins: impl Iterator<Item = &'a Pin>) {
        // Either a thread that has begun to look is seen here, or it sees what was removed.
        if !barrier::heavy() {
            return;
        }
        let eldest = pins.map(|pin| pin.0.load(Acquire)).filter(|epoch| *epoch != 0).min().unwrap_or(u64::MAX);
        // Of what was removed until now: threads may look at what is removed later.
        let last = self.removed.back().map_or(0, |(epoch, _)| *epoch);
        self.free = eldest.min(last + 1);
    }

    /// Drops some of that, the eldest first.
    pub(super) fn drop_some(&mut self, most: usize) {
        for _ in 0..most {
            if self.removed.front().is_none_or(|(epoch, _)| *epoch >= self.free) {
                break;
            }
            drop(self.removed.pop_front());
        }
        if self.removed.is_empty() && self.removed.capacity() > 1024 {
            self.removed = VecDeque::new();
        }
    }
}
