//! Each way to name buckets.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::histogram;

const BOUNDS: [f64; 2] = [0.5, 1.0];
const SLICE: &[f64] = &[0.5, 1.0];
const COUNT: usize = 4;

/// Time.
#[histogram(name = "list_seconds", buckets = [0.1, 1.0, f64::INFINITY])]
#[histogram(name = "linear_seconds", buckets = linear(0.1, 0.1, 5))]
#[histogram(name = "exponential_seconds", buckets = exponential(0.1, 2.0, COUNT))]
#[histogram(name = "array_seconds", buckets = BOUNDS)]
#[histogram(name = "slice_seconds", buckets = SLICE)]
#[histogram(name = "default_seconds", unit = "seconds")]
fn run() {}

fn main() {
    run();
}
