// A bound is no number.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOB_SECONDS: Histogram = "job_seconds" { buckets: [0.1, f64::NAN] };
}

fn main() {}
