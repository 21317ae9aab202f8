// A function that returns a future inside another value.
fn main() {}

use pytheus::counter;

/// Calls.
#[counter(name = "calls_total", on = error)]
fn start() -> Result<impl Future<Output = ()>, String> {
    Ok(async {})
}
