//! Counts and takes times in a runtime of WASI, and prints a scrape.

use std::time::Duration;

use pytheus::registry::{CollectorRegistry, REGISTRY};
use pytheus::{counter, gauge, generate_metrics, histogram, metric};

metric! {
    /// Pages, by status.
    static PAGES: Counter = "pages_total" { labels: { status = "200" } };
    /// The last backup.
    static BACKUP: Gauge = "backup_seconds" { mode: most_recent };
}

#[counter(name = "jobs_total", help = "Jobs.")]
fn job() {}

/// Time of a sleep.
#[histogram(name = "sleep_seconds", labels(outcome))]
#[gauge(name = "slept_timestamp_seconds", help = "The last sleep.", set_to_current_time)]
fn sleep() -> Result<(), String> {
    std::thread::sleep(Duration::from_millis(5));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    job();
    sleep()?;
    PAGES.inc_by(2);
    PAGES.status("404").inc();
    PAGES.status("500").inc();
    PAGES.status("500").remove();
    BACKUP.set(7);
    // The first scrape is all that this one asks of a process.
    generate_metrics()?;
    REGISTRY.set_registry(CollectorRegistry::new().with_prefix("shop")?);
    pytheus::backends::flush().map_err(|error| error.to_string())?;
    print!("{}", generate_metrics()?);
    Ok(())
}
