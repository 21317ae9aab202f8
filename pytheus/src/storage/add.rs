//! A number that is only added to.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::{Cells, add_float};
use crate::number::Number;

/// Whole amounts are exact to 2^64; fractions are kept apart and summed when read.
#[derive(Debug, Default)]
pub struct AddCell {
    whole: AtomicU64,
    fraction: AtomicU64,
}

impl AddCell {
    #[inline]
    pub fn add(&self, amount: u64) {
        self.whole.fetch_add(amount, Relaxed);
    }

    pub fn add_float(&self, amount: f64) {
        add_float(&self.fraction, amount);
    }

    pub fn get(&self) -> Number {
        let whole = Number::Int(self.whole.load(Relaxed));
        match f64::from_bits(self.fraction.load(Relaxed)) {
            0.0 => whole,
            fraction => whole + Number::Float(fraction),
        }
    }
}

impl Cells for AddCell {
    fn read(&self, parts: &mut Vec<Number>) {
        parts.push(self.get());
    }
}
