//! Arguments that are patterns, mutable, or unused.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::counter;

struct Point {
    x: u8,
    y: u8,
}

/// Calls.
#[counter(name = "patterns_total", labels(x, first, outcome))]
fn patterns(Point { x, y: mut down }: Point, (first, _): (u8, u8), mut list: Vec<u8>, _: &str) -> Vec<u8> {
    down += x + first;
    list.push(down);
    list
}

fn main() {
    assert_eq!(patterns(Point { x: 1, y: 2 }, (3, 4), Vec::new(), ""), [6]);
}
