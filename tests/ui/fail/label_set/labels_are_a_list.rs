// The labels stand in brackets.
use pytheus::metric;

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: ["path"] };
}

fn main() {}
