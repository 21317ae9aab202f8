//! Functions that return a future whose type doesn't say so, and ones that only might.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::pin::Pin;

use pytheus::counter;

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Reply = Result<u8, String>;

/// Calls.
#[counter(name = "aliased_total", labels(outcome, length = ret.len()), future = boxed)]
fn aliased(name: String) -> Later<String> {
    Box::pin(async { name })
}

/// Calls.
#[counter(name = "made_total", labels(outcome), future = untracked)]
fn made() -> Ready<u8> {
    ready(1)
}

/// Calls.
#[counter(name = "opened_total", on = ok, future = untracked)]
fn opened() -> Result<impl Future<Output = u8>, String> {
    Ok(ready(1))
}

trait Service<R> {
    type Error;
    type Future: Future<Output = Result<u8, Self::Error>>;

    fn call(&self, request: R) -> Self::Future;
    fn error(&self) -> Option<Self::Error>;
    fn last(&self) -> Self::Error;
}

struct Echo;

impl<R: Into<u8>> Service<R> for Echo {
    type Error = String;
    type Future = Pin<Box<dyn Future<Output = Result<u8, String>>>>;

    /// Calls.
    #[counter(name = "service_total", labels(outcome), future = boxed)]
    fn call(&self, request: R) -> Self::Future {
        let number = request.into();
        Box::pin(async move { Ok(number) })
    }

    /// Calls.
    #[counter(name = "optional_total")]
    fn error(&self) -> Option<Self::Error> {
        None
    }

    /// Calls.
    #[counter(name = "last_total", on = ok)]
    fn last(&self) -> Self::Error {
        String::new()
    }
}

struct Wrapper<'a, T>(&'a T);

impl<'a, T: Clone> Wrapper<'a, T> {
    /// Calls.
    #[counter(name = "new_total", labels(outcome))]
    fn new(inner: &'a T) -> Self {
        Self(inner)
    }

    /// Calls.
    #[counter(name = "other_total")]
    fn other(&self) -> Wrapper<'_, T> {
        Wrapper(self.0)
    }

    /// Calls.
    #[counter(name = "inner_total")]
    fn inner(&self) -> T {
        self.0.clone()
    }

    /// Calls.
    #[counter(name = "output_total", on = ok)]
    fn output<F: Future + Iterator<Item = u8>>(mut inner: F) -> Option<<F as Iterator>::Item> {
        inner.next()
    }
}

/// Calls.
#[counter(name = "first_total")]
fn first<I: Iterator>(mut numbers: I) -> <I as Iterator>::Item
where
    I::Item: Default,
{
    numbers.next().unwrap_or_default()
}

/// Calls.
#[counter(name = "reply_total", on = error)]
fn reply() -> Reply {
    Ok(1)
}

/// Calls.
#[counter(name = "table_total")]
fn table<'a>(key: &'a str) -> HashMap<&'a str, Box<dyn Fn(&str) -> u8 + 'a>> {
    HashMap::from([(key, Box::new(move |_: &str| 1_u8) as Box<_>)])
}

/// Calls.
#[counter(name = "boxed_total")]
fn boxed(name: &str) -> Box<dyn Iterator<Item = char> + '_> {
    Box::new(name.chars())
}

fn main() {
    drop(aliased(String::new()));
    drop(made());
    drop(opened());
    let _ = Service::<u8>::error(&Echo);
    Service::<u8>::last(&Echo);
    drop(Echo.call(1_u8));
    let wrapper = Wrapper::new(&1);
    wrapper.other().inner();
    first([1].iter().copied());
    let _ = Wrapper::<u8>::output::<Both>;
    let _ = reply();
    table("a");
    drop(boxed("a"));
}

struct Both;

impl Iterator for Both {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        None
    }
}

impl Future for Both {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }
}
