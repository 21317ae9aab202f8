// Summaries keep the label `quantile` to themselves.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOB_SECONDS: Summary = "job_seconds" { labels: { quantile } };
}

fn main() {}
