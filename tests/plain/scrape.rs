//! Counts, loads the backend named by its argument, if any, and prints a scrape; an error goes to standard error.

pytheus::metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total";
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    JOBS.inc();
    if let Some(name) = std::env::args().nth(1) {
        pytheus::backends::load_backend(pytheus::backends::BackendSpec::named(name))?;
    }
    print!("{}", pytheus::generate_metrics()?);
    Ok(())
}
