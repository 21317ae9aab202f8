// Neither a doc comment nor a help text.
use pytheus::metric;

metric! {
    static JOBS: Counter = "jobs_total";
}

fn main() {}
