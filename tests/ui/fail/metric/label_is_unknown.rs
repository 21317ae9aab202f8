// There is no such label.
use pytheus::metric;

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total" { labels: { method } };
}

fn main() {
    PAGE_HITS.verb("GET").inc();
}
