//! Observations in buckets, and their sum.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::{Cells, add_float};
use crate::number::Number;

/// One count per bucket, not cumulative, and the sum. The count of all is derived, so that it can't differ from the
/// buckets.
///
/// Parts: the buckets in order, then the sum.
#[derive(Debug)]
pub struct BucketCells {
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl BucketCells {
    pub fn new(buckets: usize) -> Self {
        Self { counts: (0..buckets).map(|_| AtomicU64::new(0)).collect(), sum: AtomicU64::new(0) }
    }

    #[inline]
    pub fn observe(&self, bucket: usize, value: f64) {
        add_float(&self.sum, value);
        self.counts[bucket].fetch_add(1, Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    pub fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Relaxed))
    }
}

impl Cells for BucketCells {
    fn read(&self, parts: &mut Vec<Number>) {
        parts.extend(self.counts.iter().map(|count| Number::Int(count.load(Relaxed))));
        parts.push(Number::Float(self.sum()));
    }
}
