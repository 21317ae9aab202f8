// Histograms bring the label `le` themselves.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(le = "1"))]
fn run() {}

fn main() {}
