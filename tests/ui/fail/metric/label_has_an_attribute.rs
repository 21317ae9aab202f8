// An attribute on a label.
fn main() {}

use pytheus::metric;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { #[cfg(unix)] queue } };
}
