// Only a state set has a type argument.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter<u64> = "jobs_total";
}

fn main() {}
