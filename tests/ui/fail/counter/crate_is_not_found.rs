// The crate has another name here than the attributes think.
fn main() {}

use pytheus::{counter, gauge, histogram};

/// Calls.
#[counter(name = "a_total", labels(name, outcome), crate = ::metrics_of_ours)]
fn closure(name: &str) {}

/// Calls.
#[gauge(name = "in_progress", track_inprogress, crate = ::metrics_of_ours)]
async fn guard() {}

/// Calls.
#[histogram(name = "c_seconds", labels(size: u8 = 1), buckets = linear(1.0, 1.0, 3), crate = metrics_of_ours)]
fn typed() -> String {
    String::new()
}
