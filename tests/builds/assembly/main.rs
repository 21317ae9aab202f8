//! A service, to look at the machine code of.

use std::hint::black_box;

pytheus::metric! {
    /// A counter.
    static HITS: Counter = "hits_total";
    /// A histogram.
    static SIZES: Histogram = "sizes";
}

#[unsafe(no_mangle)]
pub fn count() {
    HITS.inc();
}

#[unsafe(no_mangle)]
pub fn count_half() {
    HITS.inc_by(0.5);
}

#[unsafe(no_mangle)]
pub fn observe(value: f64) {
    SIZES.observe(value);
}

fn main() {
    black_box(count as fn())();
    black_box(count_half as fn())();
    black_box(observe as fn(f64))(black_box(0.5));
}
