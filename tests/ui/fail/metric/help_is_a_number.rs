// The help text is a number.
use pytheus::metric;

metric! {
    static JOBS: Counter = "jobs_total" { help: 5 };
}

fn main() {}
