// Two metrics have a label of one name, which `inc` still misses.
use pytheus::metric;

metric! {
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total" { labels: { method, page } };
    /// Time of a page.
    static PAGE_SECONDS: Histogram = "page_seconds" { labels: { method, time } };
}

#[allow(non_camel_case_types)]
struct method;

fn main() {
    PAGE_HITS.page("home").inc();
    PAGE_SECONDS.method("GET").observe(1.0);
}
