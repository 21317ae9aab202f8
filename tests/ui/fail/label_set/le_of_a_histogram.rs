// A label set of a histogram has the label `le`.
use pytheus::{LabelSet, metric};

#[derive(LabelSet)]
struct Limits {
    le: u32,
}

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: Limits };
    /// Time.
    static SECONDS: Histogram = "seconds" { labels: Limits };
}

fn main() {
    REQUESTS.with(&Limits { le: 1 }).inc();
}
