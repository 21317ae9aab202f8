//! Up to 64 flags that change together.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::Cells;
use crate::number::Number;

/// Parts: each flag as 0 or 1.
#[derive(Debug)]
pub struct FlagCell {
    bits: AtomicU64,
    flags: u32,
}

impl FlagCell {
    /// At most 64 flags, none raised.
    pub fn new(flags: usize) -> Self {
        debug_assert!(flags <= 64, "the descriptor was checked");
        Self { bits: AtomicU64::new(0), flags: u32::try_from(flags).unwrap_or(64).min(64) }
    }

    /// Raises this flag and lowers all others, in one step.
    pub fn raise_only(&self, flag: u32) {
        self.bits.store(1 << flag, Relaxed);
    }

    pub fn raise(&self, flag: u32) {
        self.bits.fetch_or(1 << flag, Relaxed);
    }

    pub fn lower(&self, flag: u32) {
        self.bits.fetch_and(!(1 << flag), Relaxed);
    }

    pub fn is_raised(&self, flag: u32) -> bool {
        self.bits.load(Relaxed) & (1 << flag) != 0
    }
}

impl Cells for FlagCell {
    fn read(&self, parts: &mut Vec<Number>) {
        let bits = self.bits.load(Relaxed);
        parts.extend((0..self.flags).map(|flag| Number::Int(bits >> flag & 1)));
    }
}
