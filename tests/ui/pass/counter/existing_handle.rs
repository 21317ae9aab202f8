//! Existing metrics: statics, labelled children, fields, calls.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::metrics::Counter;
use pytheus::{counter, metric};

metric! {
    /// Calls.
    static CALLS: Counter = "calls_total";
    /// Hits.
    static HITS: Counter = "hits_total" { labels: { page, status = "200" } };
}

struct Service {
    calls: Counter,
}

impl Service {
    #[counter(self.calls, on = ok | error)]
    fn run(&self) -> Result<(), String> {
        Ok(())
    }

    #[counter(self.metrics().calls)]
    async fn later(&mut self) {}

    fn metrics(&self) -> &Self {
        self
    }
}

#[counter(CALLS)]
#[counter(HITS.page("home"), on = ok)]
#[counter(HITS.page(name).status("404").to_series())]
fn run(name: &str) -> usize {
    name.len()
}

fn main() {
    assert_eq!(run("abc"), 3);
    let mut service = Service { calls: CALLS.to_series() };
    assert!(service.run().is_ok());
    drop(service.later());
    assert_eq!(CALLS.get().total_cmp(&2.0), std::cmp::Ordering::Equal);
}
