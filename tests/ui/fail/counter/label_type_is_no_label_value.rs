// The type of a label is no label value.
use pytheus::counter;

#[derive(Clone, Copy)]
struct Job;

#[counter(name = "jobs_total", help = "Jobs.", labels(job: Job = job))]
fn run(job: Job) {
    let _ = job;
}

fn main() {}
