// There are more bounds than a histogram may have.
use pytheus::histogram;

#[histogram(name = "jobs_seconds", help = "Jobs.", buckets = linear(0.1, 0.1, 501))]
fn work() {}

fn main() {
    work();
}
