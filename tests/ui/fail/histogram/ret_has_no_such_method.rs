// A label calls what the returned value does not have.
use pytheus::histogram;

#[histogram(name = "job_seconds", help = "Time a job takes.", labels(code = ret.code()))]
fn run() -> u16 {
    200
}

fn main() {}
