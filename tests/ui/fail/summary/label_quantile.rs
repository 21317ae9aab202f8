// Summaries keep the label `quantile` to themselves.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.", labels(quantile = "0.5"))]
fn run() {}

fn main() {}
