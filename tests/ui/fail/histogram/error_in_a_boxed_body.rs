// An error of the user keeps its line, in the boxed future of a trait method.
use std::pin::Pin;

use pytheus::histogram;

trait Job {
    fn run<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<u8, ()>> + Send + 'a>>;
}

struct Mail;

impl Job for Mail {
    #[histogram(name = "job_seconds", help = "Time a job takes.", labels(outcome))]
    fn run<'a>(&'a self) -> Pin<Box<dyn Future<Output = Result<u8, ()>> + Send + 'a>> {
        Box::pin(async move {
            let next: u8 = "one";
            Ok(next)
        })
    }
}

fn main() {}
