//! Generic functions: one metric for all instances.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::fmt::Debug;

use pytheus::{LabelValue, counter};

/// Calls.
#[counter(name = "generic_total", labels(value, size = N, outcome))]
fn generic<'a, T, const N: usize>(value: &'a T, _: [u8; N]) -> Option<&'a T>
where
    T: LabelValue + Debug + ?Sized,
{
    Some(value).filter(|_| N > 0)
}

/// Calls.
#[counter(name = "returned_total", labels(outcome))]
fn returned<T: Default>() -> T {
    T::default()
}

/// Calls.
#[counter(name = "generic_async_total", labels(outcome))]
async fn generic_async<T: Default, F: Future<Output = T>>(future: F) -> T {
    future.await
}

struct Wrapper<T>(T);

impl<T: Clone> Wrapper<T> {
    /// Calls.
    #[counter(name = "generic_method_total", on = ok)]
    fn get(&self) -> T {
        self.0.clone()
    }
}

fn main() {
    assert_eq!(generic("x", [0; 3]), Some("x"));
    assert_eq!(returned::<u8>() + Wrapper(1_u8).get(), 1);
    drop(generic_async(std::future::ready(1_u8)));
}
