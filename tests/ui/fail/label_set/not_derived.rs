// The struct does not derive `LabelSet`.
use pytheus::metric;

struct Route {
    path: &'static str,
}

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: Route };
}

fn main() {
    REQUESTS.with(&Route { path: "/" }).inc();
}
