// More combinations than can be exposed at zero.
use pytheus::metric;

#[derive(pytheus::LabelValue)]
enum Digit {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
}

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { one: Digit, two: Digit, three: Digit } };
}

fn main() {}
