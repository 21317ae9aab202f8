//! Functions and metrics that another macro writes.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::{counter, metric};

macro_rules! service {
    ($name:ident, $metric:literal, $label:ident: $value:expr, $body:block) => {
        /// Calls.
        #[counter(name = $metric, labels($label = $value, n, outcome))]
        fn $name(n: u8) -> u8 $body
    };
}

macro_rules! declare {
    ($vis:vis $name:ident: $kind:ident = $metric:expr, $help:expr, [$($label:ident),*]) => {
        metric! {
            $vis static $name: $kind = $metric { help: $help, labels: { $($label),* } };
        }
    };
}

service!(one, "one_total", kind: "x".len(), { 1 });
declare!(HITS: Counter = "hits_total", "Hits.", [page, status]);
declare!(BARE: Gauge = concat!("bare", "_metric"), "Bare.", []);

fn main() {
    assert_eq!(one(3), 1);
    HITS.page("x").status(3).inc();
    BARE.set(1.0);
}
