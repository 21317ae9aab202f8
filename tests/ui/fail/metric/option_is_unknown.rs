// There is no such option.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { colour: "red" };
}

fn main() {}
