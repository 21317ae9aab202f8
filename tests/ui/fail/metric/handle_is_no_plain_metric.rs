// A labelled handle is stored as a plain metric.
use pytheus::{Counter, metric};

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total" { labels: { method } };
}

struct Page {
    hits: Counter,
}

fn main() {
    let page = Page { hits: PAGE_HITS.method("GET") };
    page.hits.inc();
}
