//! Files that all processes map do what a backend has to do.

use std::process::ExitCode;

use pytheus::backends::{BackendSpec, MultiProcessFileBackend, conformance, json};

fn main() -> ExitCode {
    conformance::main(|directory| {
        BackendSpec::of::<MultiProcessFileBackend>().with_config(json!({"directory": directory}))
    })
}
