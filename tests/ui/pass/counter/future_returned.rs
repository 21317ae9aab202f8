//! Functions that return a future: opaque, boxed, or under an alias.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::pin::Pin;

use pytheus::counter;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Calls.
#[counter(name = "opaque_total", labels(name, outcome))]
fn opaque(name: &str) -> impl Future<Output = Result<usize, ()>> + Send {
    let length = name.len();
    async move { Ok(length) }
}

/// Calls.
#[counter(name = "boxed_total", labels(name, outcome))]
fn boxed<'a>(name: &'a str) -> Pin<Box<dyn Future<Output = &'a str> + Send + 'a>> {
    Box::pin(async move { name })
}

/// Calls.
#[counter(name = "aliased_total", labels(name, length = ret.len()))]
fn aliased(name: &str) -> BoxFuture<'_, &str> {
    if name.is_empty() {
        return Box::pin(std::future::ready("empty"));
    }
    Box::pin(std::future::ready(name))
}

/// Calls.
#[counter(name = "guarded_total", labels(name))]
fn guarded(name: String) -> impl Future<Output = String> {
    std::future::ready(name)
}

fn send<T: Send>(_: T) {}

fn main() {
    send(opaque("x"));
    send(boxed("x"));
    send(aliased("x"));
    send(guarded("x".to_owned()));
}
