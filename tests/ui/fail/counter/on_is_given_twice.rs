// `on` is given twice.
use pytheus::counter;

#[counter(name = "jobs_total", help = "Jobs.", on = error, on = panicked)]
fn run() -> Result<(), ()> {
    Err(())
}

fn main() {}
