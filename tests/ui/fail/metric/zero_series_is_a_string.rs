// `zero_series` is a string.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { paid: bool }, zero_series: "no" };
}

fn main() {}
