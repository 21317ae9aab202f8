//! Names of the prelude, of primitives and of the generated code mean something else.
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]
#![allow(dead_code, non_camel_case_types)]
use pytheus::{LabelValue, counter, gauge, histogram, metric};

struct Option;
struct Some;
struct None;
struct Result;
struct Ok;
struct Err;
struct Box;
struct Vec;
struct String;
struct str;
struct u8;
struct usize;
struct f64;
struct Counter;
struct Kind;
struct Clone;
struct Copy;
struct Debug;
struct Deref;
struct Future;
mod core {}
mod std {}

trait Trait {
    fn outcome(&self) {}
    fn inc(&self) {}
    fn time(&self) {}
    fn finish(&self) {}
    fn into_label(&self) {}
    fn as_label(&self) {}
}

impl<T> Trait for T {}

#[derive(LabelValue)]
enum Size {
    Small,
    #[label_value(rename = "l")]
    Large,
}

metric! {
    /// A counter.
    static COUNTER: Counter = "counter_total" { labels: { a, size: Size, d: Size = Size::Small } };
    /// A histogram.
    static HISTOGRAM: Histogram = "histogram_seconds" { buckets: [1.0], unit: "seconds", limit: 3 };
}

/// Runs.
#[counter(COUNTER.a(call).size(Size::Large))]
#[counter(name = "a_total", labels(n = ret, call, size: Size = Size::Small, outcome), on = ok)]
#[histogram(name = "a_seconds", labels(call, metric))]
#[gauge(name = "a_busy", track_inprogress)]
#[gauge(name = "a_last", set_to_current_time)]
fn run(call: i32, metric: i32, label0: i32, _guard: i32, outcome: i32) -> i32 {
    call + metric + label0 + _guard + outcome
}

/// Runs.
#[counter(name = "b_total", labels(call, outcome))]
async fn later(call: i32, never: i32, future: i32) -> i32 {
    call + never + future
}

fn main() {
    ::std::assert_eq!(run(1, 2, 3, 4, 5), 15);
    ::std::mem::drop(later(1, 2, 3));
    HISTOGRAM.observe(1.0);
}
