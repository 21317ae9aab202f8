//! Bodies of one expression, whose braces no lint may take for unnecessary.
#![deny(warnings)]

use std::pin::Pin;

use pytheus::{counter, gauge, histogram};

#[rustfmt::skip]
#[counter(name = "plain_total", help = "Calls.")]
fn plain() -> u8 { 1 }

#[rustfmt::skip]
#[counter(name = "asynchronous_total", help = "Calls.")]
async fn asynchronous() -> u8 { 1 }

#[rustfmt::skip]
#[counter(name = "failing_total", help = "Calls.", on = error)]
fn failing() -> Result<u8, ()> { Err(()) }

#[rustfmt::skip]
#[counter(name = "future_total", help = "Calls.", on = cancelled)]
fn future() -> impl Future<Output = u8> { async { 1 } }

#[rustfmt::skip]
#[counter(name = "boxed_total", help = "Calls.")]
fn boxed() -> Pin<Box<dyn Future<Output = u8>>> { Box::pin(async move { 1 }) }

#[rustfmt::skip]
#[histogram(name = "stacked_seconds", help = "Time of a call.")]
#[gauge(name = "stacked_in_progress", help = "Calls that run.", track_inprogress)]
fn stacked() -> u8 { plain() }

fn main() {
    assert_eq!(plain() + stacked(), 2);
    assert!(failing().is_err());
    drop((asynchronous(), future(), boxed()));
}
