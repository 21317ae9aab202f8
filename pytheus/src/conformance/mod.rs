//! A conformance suite for backends; runs against your own, too.
//!
//! In `tests/conformance.rs`, with `harness = false` and `pytheus = { version = "..", features = ["conformance"] }`:
//!
//! ```no_run
//! use pytheus::backends::{BackendSpec, SingleProcessBackend};
//!
//! fn main() -> std::process::ExitCode {
//!     // Each check has a directory, and so totals, of its own; a backend without need of one ignores it.
//!     pytheus::conformance::main(|_directory| BackendSpec::of::<SingleProcessBackend>())
//! }
//! ```
//!
//! The program starts itself several times as the counting processes, and compares their scrapes. The expected totals
//! depend on the backend's [scope](crate::backends::custom::Backend::aggregation_scope). An argument selects the checks
//! whose name contains it; `--list` lists them.

mod checks;
mod repeating;
mod samples;
mod wire;
mod worker;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::backends::BackendSpec;
use wire::{Check, Harness};

/// Runs the suite: the `main` of a test without a harness.
///
/// `load` names the backend for the processes of one check; they share the directory, which starts empty and is used by
/// no other check.
pub fn main(load: impl Fn(&Path) -> BackendSpec) -> ExitCode {
    if let Some(socket) = env::var_os(wire::SOCKET) {
        return worker::serve(Path::new(&socket), &load);
    }
    let arguments: Vec<_> = env::args().skip(1).collect();
    let filter = arguments.iter().find(|argument| !argument.starts_with('-')).map(|filter| filter.replace('_', " "));
    let wanted = |(name, _): &&Check| filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    let checks: Vec<_> = checks::all().collect();
    let chosen: Vec<_> = checks.iter().filter(wanted).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in &chosen {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let (start, mut failures) = (Instant::now(), Vec::new());
    for (name, run) in &chosen {
        let outcome = Harness::new().and_then(|harness| {
            let outcome = run(&harness);
            harness.close(outcome.is_ok());
            outcome
        });
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        failures.extend(outcome.err().map(|fault| (*name, fault)));
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
