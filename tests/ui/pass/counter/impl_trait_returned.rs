//! Functions that return `impl Trait`, at any depth.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::fmt::Display;

use pytheus::counter;

/// Calls.
#[counter(name = "iterator_total", on = ok)]
fn iterator(list: &[u8]) -> impl Iterator<Item = u8> {
    list.iter().copied()
}

/// Calls.
#[counter(name = "nested_total", labels(outcome))]
fn nested(n: u8) -> Result<(impl Display + use<>, Vec<impl Copy + use<>>), String> {
    if n == 0 {
        return Err("zero".to_owned());
    }
    Ok((n, vec![n]))
}

/// Calls.
#[counter(name = "closure_total")]
fn closure(n: u8) -> impl Fn(u8) -> u8 {
    move |more| more + n
}

fn main() {
    assert_eq!(iterator(&[1, 2]).sum::<u8>(), 3);
    assert!(nested(0).is_err());
    assert_eq!(nested(1).map(|(n, list)| (n.to_string(), list.len())), Ok(("1".to_owned(), 1)));
    assert_eq!(closure(1)(2), 3);
}
