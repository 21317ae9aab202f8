//! A number that is set, and added to.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::{Cells, add_float};
use crate::number::Number;

/// An `f64`, kept as its bits.
#[derive(Debug, Default)]
pub(crate) struct SetCell(AtomicU64);

impl SetCell {
    #[inline]
    pub(crate) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    pub(crate) fn add(&self, amount: f64) {
        add_float(&self.0, amount);
    }

    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

impl Cells for SetCell {
    fn read(&self, parts: &mut Vec<Number>) {
        parts.push(Number::Float(self.get()));
    }
}
