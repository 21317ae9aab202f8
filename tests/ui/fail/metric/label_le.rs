// Histograms bring the label `le` themselves.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOB_SECONDS: Histogram = "job_seconds" { labels: { le } };
}

fn main() {}
