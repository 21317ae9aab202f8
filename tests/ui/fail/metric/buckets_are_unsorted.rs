// The bounds do not rise.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOB_SECONDS: Histogram = "job_seconds" { buckets: [0.5, 0.1] };
}

fn main() {}
