// An option has an equals sign, as in the attributes.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels = { queue } };
}

fn main() {}
