// One of two required labels has a value.
use pytheus::metric;

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total" { labels: { method, page } };
}

fn main() {
    PAGE_HITS.method("GET").inc();
}
