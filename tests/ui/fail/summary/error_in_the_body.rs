// An error of the user keeps its line, in a function that returns a future.
use pytheus::summary;

#[summary(name = "job_seconds", help = "Time a job takes.")]
fn run(job: u8) -> impl Future<Output = u8> {
    let next: u8 = "one";
    async move { next + job }
}

fn main() {}
