// The labels have no values.
use pytheus::{LabelSet, metric};

#[derive(LabelSet)]
struct Route {
    path: &'static str,
}

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: Route };
}

fn main() {
    REQUESTS.inc();
}
