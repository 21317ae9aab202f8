//! Files that all processes map do what a backend has to do.

use std::process::ExitCode;

use pytheus::backends::{Load, MultiProcessFileBackend, conformance, json};

fn main() -> ExitCode {
    conformance::main(|directory| Load::class::<MultiProcessFileBackend>().config(json!({"directory": directory})))
}
