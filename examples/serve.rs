//! Metrics of a program without a web server: one line serves them beside its work.
//!
//! ```sh
//! cargo run -p pytheus-examples --example serve
//! ```
//!
//! It listens on port 9464 of this machine; the variable `PORT` changes that.

use std::time::Duration;

use pytheus::histogram;
use pytheus::serve::ServeError;

/// Time that a job takes.
#[histogram(name = "job_seconds", labels(queue))]
fn work(queue: &str) {
    std::thread::sleep(Duration::from_millis(50));
}

fn main() -> Result<(), ServeError> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "9464".to_owned());
    // It ends with this variable; a program that works for ever keeps it as long.
    let metrics = pytheus::serve(port)?;
    println!("Open {}", metrics.url());
    for queue in ["mails", "invoices"].into_iter().cycle() {
        work(queue);
    }
    Ok(())
}
