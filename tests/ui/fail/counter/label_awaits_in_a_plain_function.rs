// A label of a plain function waits for something.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", labels(queue = queue().await))]
fn run() {}

async fn queue() -> String {
    String::new()
}

fn main() {}
