//! Plain functions, with and without arguments and results.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::counter;

/// Calls.
#[counter(name = "plain_total")]
fn plain() {}

/// Calls.
#[counter(name = "borrowed_total", on = ok)]
fn borrowed<'a>(text: &'a str, more: &mut Vec<&'a str>) -> Option<&'a str> {
    more.push(text);
    more.first().copied()
}

/// Calls.
#[counter(name = "reborrowed_total", labels(outcome))]
fn reborrowed(list: &mut [u8]) -> &mut u8 {
    &mut list[0]
}

/// Calls.
#[counter(name = "early_total", labels(outcome))]
#[allow(clippy::unnecessary_wraps)]
fn early(n: u8) -> Result<u8, std::num::TryFromIntError> {
    if n == 0 {
        return Ok(1);
    }
    let n = i8::try_from(n)?;
    Ok(n.unsigned_abs())
}

fn main() {
    plain();
    let mut more = Vec::new();
    assert_eq!(borrowed("a", &mut more), Some("a"));
    *reborrowed(&mut [1, 2]) = 3;
    assert_eq!(early(0), Ok(1));
    assert!(early(200).is_err());
}
