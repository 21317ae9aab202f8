// A label is given a float.
use pytheus::metric;

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total" { labels: { share } };
}

fn main() {
    let _hits = PAGE_HITS.share(0.5);
}
