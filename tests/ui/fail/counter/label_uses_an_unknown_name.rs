// The expression of a label names something that does not exist.
use pytheus::counter;

struct Job {
    queue: &'static str,
}

#[counter(name = "jobs_total", help = "Jobs.", labels(queue = jbo.queue))]
fn run(job: Job) {
    let _ = job.queue;
}

fn main() {}
