// A label of the returned value is given by name.
use pytheus::{counter, metric};

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { size } };
}

#[counter(JOBS.labels([("size", ret.len())]).expect("it is right"))]
fn run() -> String {
    String::new()
}

fn main() {
    run();
}
