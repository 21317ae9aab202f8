//! Statics of a function, and of a nested module.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::metric;

fn run() {
    metric! {
        /// Local.
        static LOCAL: Counter = "local_total" { labels: { a } };
        /// Local, too.
        static OTHER: Counter = "other_total";
    }
    LOCAL.a(1).inc();
    OTHER.inc();
}

fn main() {
    run();
    run();
}
