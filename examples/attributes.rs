//! Attributes: a function counts, times and tracks itself. Labels come from its arguments, its returned value and its
//! outcome.
//!
//! ```sh
//! cargo run -p pytheus-examples --example attributes
//! ```
//!
//! It prints this, with times in place of `..`:
//!
//! ```text
//! mail: 3 pages
//! mail: NoPaper
//! fax: Timeout
//!
//! # HELP answers_total Answers that were given.
//! # TYPE answers_total counter
//! answers_total{code="200"} 2
//! answers_total{code="404"} 1
//! # HELP cleaning_duration_seconds How long the last cleaning took.
//! # TYPE cleaning_duration_seconds gauge
//! cleaning_duration_seconds ..
//! # HELP fax_seconds Time to send a fax, by what the other side answered.
//! # TYPE fax_seconds summary
//! fax_seconds_sum{answer="failed"} ..
//! fax_seconds_count{answer="failed"} 1
//! fax_seconds_sum{answer="sent"} ..
//! fax_seconds_count{answer="sent"} 1
//! # HELP fold_seconds Time to fold a sheet.
//! # TYPE fold_seconds summary
//! fold_seconds_sum ..
//! fold_seconds_count 1
//! # HELP paper_refilled_timestamp_seconds When paper was last refilled.
//! # TYPE paper_refilled_timestamp_seconds gauge
//! paper_refilled_timestamp_seconds ..
//! # HELP print_errors_total Jobs that were not printed.
//! # TYPE print_errors_total counter
//! print_errors_total 2
//! # HELP print_seconds Time to print a job.
//! # TYPE print_seconds histogram
//! print_seconds_bucket{outcome="cancelled",queue="fax",le="1.0"} 1
//! print_seconds_bucket{outcome="cancelled",queue="fax",le="+Inf"} 1
//! print_seconds_sum{outcome="cancelled",queue="fax"} ..
//! print_seconds_count{outcome="cancelled",queue="fax"} 1
//! print_seconds_bucket{outcome="error",queue="fax",le="1.0"} 1
//! print_seconds_bucket{outcome="error",queue="fax",le="+Inf"} 1
//! print_seconds_sum{outcome="error",queue="fax"} ..
//! print_seconds_count{outcome="error",queue="fax"} 1
//! print_seconds_bucket{outcome="error",queue="mail",le="1.0"} 1
//! print_seconds_bucket{outcome="error",queue="mail",le="+Inf"} 1
//! print_seconds_sum{outcome="error",queue="mail"} ..
//! print_seconds_count{outcome="error",queue="mail"} 1
//! print_seconds_bucket{outcome="ok",queue="mail",le="1.0"} 1
//! print_seconds_bucket{outcome="ok",queue="mail",le="+Inf"} 1
//! print_seconds_sum{outcome="ok",queue="mail"} ..
//! print_seconds_count{outcome="ok",queue="mail"} 1
//! # HELP print_timeouts_total Jobs that took too long.
//! # TYPE print_timeouts_total counter
//! print_timeouts_total 1
//! # HELP prints_in_progress Jobs that are being printed.
//! # TYPE prints_in_progress gauge
//! prints_in_progress 0
//! # HELP scanner_calls_total Calls of the scanner.
//! # TYPE scanner_calls_total counter
//! scanner_calls_total{method="feed"} 1
//! scanner_calls_total{method="scan"} 3
//! # HELP store_seconds Time to reach the paper store.
//! # TYPE store_seconds histogram
//! store_seconds_bucket{outcome="error",shelf="cellar",le="1.0"} 1
//! store_seconds_bucket{outcome="error",shelf="cellar",le="+Inf"} 1
//! store_seconds_sum{outcome="error",shelf="cellar"} ..
//! store_seconds_count{outcome="error",shelf="cellar"} 1
//! store_seconds_bucket{outcome="ok",shelf="top",le="1.0"} 1
//! store_seconds_bucket{outcome="ok",shelf="top",le="+Inf"} 1
//! store_seconds_sum{outcome="ok",shelf="top"} ..
//! store_seconds_count{outcome="ok",shelf="top"} 1
//! ```

use std::time::Duration;

use pytheus::exposition::generate_metrics;
use pytheus::metrics::Outcome;
use pytheus::{counter, gauge, histogram, metric, summary};

struct Job {
    queue: &'static str,
    pages: u32,
}

#[derive(Debug)]
enum PrintError {
    NoPaper,
    Timeout,
}

metric! {
    /// Time to reach the paper store.
    static STORE_SECONDS: Histogram = "store_seconds" { labels: { shelf, outcome: Outcome }, buckets: [1.0] };

    /// Time to send a fax, by what the other side answered.
    static FAX_SECONDS: Summary = "fax_seconds" { labels: { answer } };
}

/// A declared metric takes the outcome by its own method.
#[histogram(STORE_SECONDS.shelf(shelf).outcome(outcome))]
fn fetch(shelf: &str) -> Result<u32, PrintError> {
    if shelf == "top" { Ok(500) } else { Err(PrintError::NoPaper) }
}

/// A timer may learn its series at the end: until then, `failed` stands for each way out.
fn fax(number: &str) -> Result<u64, std::num::ParseIntError> {
    let timer = FAX_SECONDS.answer("failed").time();
    let number = number.parse()?;
    timer.stop_into(&FAX_SECONDS.answer("sent"));
    Ok(number)
}

struct Scanner {
    pages: u32,
}

/// Calls of the scanner.
// One attribute for all functions of a block, each under its name as the label `method`.
#[counter(name = "scanner_calls_total")]
impl Scanner {
    fn feed(&mut self, pages: u32) {
        self.pages += pages;
    }

    fn scan(&mut self) -> bool {
        self.pages = self.pages.saturating_sub(1);
        !self.is_empty()
    }

    #[pytheus(skip)]
    fn is_empty(&self) -> bool {
        self.pages == 0
    }
}

struct Printer;

impl Printer {
    /// Four metrics on one function; `outcome` is ok, error, panicked or cancelled.
    #[histogram(
        name = "print_seconds",
        help = "Time to print a job.",
        buckets = [1.0],
        labels(queue = job.queue, outcome),
    )]
    #[counter(name = "print_errors_total", help = "Jobs that were not printed.", on = error)]
    #[counter(name = "print_timeouts_total", help = "Jobs that took too long.", on = Err(PrintError::Timeout))]
    #[gauge(name = "prints_in_progress", help = "Jobs that are being printed.", track_inprogress)]
    async fn print(&self, job: Job) -> Result<u32, PrintError> {
        tokio::time::sleep(Duration::from_millis(job.pages.into())).await;
        match job.pages {
            0 => Err(PrintError::NoPaper),
            pages if pages > 100 => Err(PrintError::Timeout),
            pages => Ok(pages),
        }
    }
}

/// Answers that were given.
#[counter(name = "answers_total", labels(code = ret))]
fn answer(question: &str) -> u16 {
    if question.is_empty() { 404 } else { 200 }
}

/// Time to fold a sheet.
#[summary(name = "fold_seconds")]
fn fold() {}

/// When paper was last refilled.
#[gauge(name = "paper_refilled_timestamp_seconds", set_to_current_time)]
fn refill() {}

/// How long the last cleaning took.
#[gauge(name = "cleaning_duration_seconds", time)]
fn clean() {}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (queue, pages) in [("mail", 3), ("mail", 0), ("fax", 200)] {
        match Printer.print(Job { queue, pages }).await {
            Ok(pages) => println!("{queue}: {pages} pages"),
            Err(error) => println!("{queue}: {error:?}"),
        }
    }
    // Dropped halfway: counted as cancelled, and the work in progress is back at zero.
    let print = Printer.print(Job { queue: "fax", pages: 90_000 });
    let _ = tokio::time::timeout(Duration::from_millis(1), print).await;

    for question in ["why?", "how?", ""] {
        answer(question);
    }
    fold();
    refill();
    clean();
    for shelf in ["top", "cellar"] {
        let _ = fetch(shelf);
    }
    for number in ["5551234", "five"] {
        let _ = fax(number);
    }
    let mut scanner = Scanner { pages: 0 };
    scanner.feed(3);
    while scanner.scan() {}

    println!();
    print!("{}", generate_metrics()?);
    Ok(())
}
