// A label of an enum is given a string.
use pytheus::metric;

#[derive(pytheus::LabelValue)]
enum Method {
    Get,
}

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total" { labels: { method: Method } };
}

fn main() {
    PAGE_HITS.method(Method::Get).inc();
    PAGE_HITS.method("GET").inc();
}
