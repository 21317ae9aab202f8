// The name does not end in the unit.
use pytheus::metric;

metric! {
    /// Time a job takes.
    static JOB_TIME: Histogram = "job_time" { unit: "seconds" };
}

fn main() {}
