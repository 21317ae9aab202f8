//! Threads count in one series without waiting for each other; the scrape is written piece by piece.
//!
//! ```sh
//! cargo run -p pytheus-examples --example threads
//! ```
//!
//! It prints:
//!
//! ```text
//! # HELP jobs_in_progress Jobs in progress.
//! # TYPE jobs_in_progress gauge
//! jobs_in_progress 0
//! # HELP jobs_total Jobs that are done.
//! # TYPE jobs_total counter
//! jobs_total{queue="fax"} 200000
//! jobs_total{queue="mail"} 600000
//! ```

use std::error::Error;
use std::io;
use std::thread;

use pytheus::exposition::Exposition;
use pytheus::metric;
use pytheus::registry::CollectorRegistry;

static JOBS: CollectorRegistry = CollectorRegistry::new();

metric! {
    /// Jobs that are done.
    static JOBS_DONE: Counter = "jobs_total" { labels: { queue }, registry: JOBS };
    /// Jobs in progress.
    static JOBS_IN_PROGRESS: Gauge = "jobs_in_progress" { registry: JOBS };
}

fn main() -> Result<(), Box<dyn Error>> {
    thread::scope(|scope| {
        for queue in ["mail", "mail", "mail", "fax"] {
            scope.spawn(move || {
                for _ in 0..200_000 {
                    let _job = JOBS_IN_PROGRESS.track_inprogress();
                    JOBS_DONE.queue(queue).inc();
                }
            });
        }
    });
    // Any writer of bytes will do: a file, a socket, the body of a response.
    Exposition::of(&JOBS).write_to(&mut io::stdout().lock())?;
    Ok(())
}
