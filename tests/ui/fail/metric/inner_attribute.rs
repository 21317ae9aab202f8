// The macro takes no attribute of its own but one.
pytheus::metric! {
    #![allow(missing_docs)]
    /// Hits of a page.
    static PAGE_HITS: Counter = "page_hits_total";
}

fn main() {
    PAGE_HITS.inc();
}
