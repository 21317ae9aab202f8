// A counter has no `dec`.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total";
}

fn main() {
    JOBS.dec();
}
