//! Cells: where numbers are counted. Knows no metric.
//!
//! Each type holds the numbers of one series. Writers never wait for readers, nor readers for writers.

mod add;
mod buckets;
mod flags;
mod set;

pub(crate) use add::AddCell;
pub(crate) use buckets::BucketCells;
pub(crate) use flags::FlagCell;
pub(crate) use set::SetCell;

use crate::number::Number;

/// The cells of one series, as numbered parts.
pub trait Cells: Send + Sync + 'static {
    /// Appends the parts in their fixed order.
    fn read(&self, parts: &mut Vec<Number>);
}

/// Adds to an `f64` that is kept as its bits.
fn add_float(cell: &std::sync::atomic::AtomicU64, amount: f64) {
    use std::sync::atomic::Ordering::Relaxed;
    let mut seen = cell.load(Relaxed);
    while let Err(now) = cell.compare_exchange_weak(seen, (f64::from_bits(seen) + amount).to_bits(), Relaxed, Relaxed) {
        seen = now;
    }
}
