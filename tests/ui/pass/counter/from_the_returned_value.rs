//! Labels and patterns of the returned value.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::{LabelValue, counter};

#[derive(LabelValue)]
enum Size {
    Small,
    Large,
}

struct Reply {
    body: Vec<u8>,
    status: u16,
}

impl Reply {
    fn size(&self) -> Size {
        if self.body.len() > 2 { Size::Large } else { Size::Small }
    }
}

/// Replies.
#[counter(name = "replies_total", labels(status = ret.status, size: Size = ret.size(), path, kind = "text"))]
#[counter(name = "failures_total", on = Reply { status: 500..=599, .. })]
fn reply(path: &str, length: usize) -> Reply {
    Reply { body: vec![0; length], status: if path.is_empty() { 500 } else { 200 } }
}

/// Nothing.
#[counter(name = "nothing_total", on = None)]
fn nothing() -> Option<u8> {
    None
}

/// Numbers.
#[counter(name = "numbers_total", on = 3 | 5)]
fn number(n: u8) -> u8 {
    n
}

fn main() {
    assert_eq!(reply("/", 3).status, 200);
    assert_eq!(nothing().unwrap_or(number(5)), 5);
}
