// The option `error` without a use, without the returned value, and of another type.
fn main() {}

use pytheus::{counter, gauge};

/// Calls.
#[counter(name = "a_total", error = ret.is_empty())]
fn unused() -> String {
    String::new()
}

/// Calls.
#[counter(name = "b_total", on = error, error = true)]
fn constant() -> String {
    String::new()
}

/// Calls.
#[gauge(name = "c_in_progress", track_inprogress, error = ret.is_empty())]
fn in_progress() -> String {
    String::new()
}
