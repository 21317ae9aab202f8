// There is no bucket.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOB_SECONDS: Histogram = "job_seconds" { buckets: [] };
}

fn main() {}
