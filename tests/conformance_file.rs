//! Files that all processes map do what a backend has to do.

use std::process::ExitCode;

use pytheus::backends::{BackendSpec, MultiProcessFileBackend, json};
use pytheus::conformance;

fn main() -> ExitCode {
    conformance::main(|directory| {
        BackendSpec::of::<MultiProcessFileBackend>().with_config(json!({"directory": directory}))
    })
}
