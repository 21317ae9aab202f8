// A float is no label value.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(share = share))]
fn run(share: f64) {
    let _ = share;
}

fn main() {}
