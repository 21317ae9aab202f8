// A series is asked for without a required label.
use pytheus::metric;

metric! {
    /// Time a page takes.
    static PAGE_SECONDS: Histogram = "page_seconds" { labels: { method, status = "200" } };
}

fn main() {
    let _series = PAGE_SECONDS.status("404").to_series();
}
