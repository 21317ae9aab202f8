// The metric has no labels.
use pytheus::metric;

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total";
}

fn main() {
    PAGE_HITS.method("GET").inc();
}
