// `zeros` is a string.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { paid: bool }, zeros: "no" };
}

fn main() {}
