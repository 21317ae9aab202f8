//! What each backend has to do, as a suite that runs against yours, too.
//!
//! In `tests/conformance.rs`, with `harness = false` and `pytheus = { version = "..", features = ["conformance"] }`:
//!
//! ```no_run
//! use pytheus::backends::{BackendSpec, SingleProcessBackend};
//!
//! fn main() -> std::process::ExitCode {
//!     // Each check has a directory, and so totals, of its own; a backend that needs none leaves it out.
//!     pytheus::backends::conformance::main(|_directory| BackendSpec::of::<SingleProcessBackend>())
//! }
//! ```
//!
//! The program runs itself several times over, as the processes that count, and looks at what each of them scrapes. What
//! they should show depends on how far the backend [reaches](crate::backends::custom::Backend::aggregation_scope). An argument is a part of the name of
//! the checks to run; `--list` lists them.

mod checks;
mod repeating;
mod samples;
mod wire;
mod worker;

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::backends::BackendSpec;
use wire::Bench;

/// As a user's program has it: the suite uses what users can use.
extern crate self as pytheus;

/// What a check found wrong.
type Fault = Box<dyn Error + Send + Sync>;

/// One thing that each backend does.
struct Check {
    /// A sentence.
    name: &'static str,
    run: fn(&Bench) -> Result<(), Fault>,
}

/// Runs the suite: the `main` of a test without a harness.
///
/// `load` says what the processes of one check load; they are given the same directory, which is empty at first and
/// belongs to nobody else.
pub fn main(load: impl Fn(&Path) -> BackendSpec) -> ExitCode {
    if let Some(socket) = env::var_os(wire::SOCKET) {
        return worker::serve(Path::new(&socket), &load);
    }
    let arguments: Vec<_> = env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-')).map(|filter| filter.replace('_', " "));
    let wanted = |check: &&Check| filter.as_ref().is_none_or(|filter| check.name.contains(filter.as_str()));
    let checks: Vec<_> = checks::all().collect();
    let chosen: Vec<_> = checks.iter().filter(wanted).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for check in &chosen {
            println!("{}: test", check.name);
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let (start, mut failures) = (Instant::now(), Vec::new());
    for check in &chosen {
        let outcome = Bench::new().and_then(|bench| {
            let outcome = (check.run)(&bench);
            bench.close(outcome.is_ok());
            outcome
        });
        println!("test {} ... {}", check.name, if outcome.is_ok() { "ok" } else { "FAILED" });
        failures.extend(outcome.err().map(|fault| (check.name, fault)));
    }
    if !failures.is_empty() {
        println!("\nfailures:\n");
        for (name, fault) in &failures {
            println!("---- {name} ----\n{fault}\n");
        }
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failures.is_empty() { "ok" } else { "FAILED" },
        chosen.len() - failures.len(),
        failures.len(),
        checks.len() - chosen.len(),
        start.elapsed().as_secs_f64()
    );
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}
