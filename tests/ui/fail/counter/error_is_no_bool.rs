// The option `error` is of another type.
fn main() {}

use pytheus::counter;

/// Calls.
#[counter(name = "a_total", on = error, error = ret.len())]
fn length() -> String {
    String::new()
}
