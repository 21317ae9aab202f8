//! One process alone does what a backend has to do.

use std::process::ExitCode;

use pytheus::backends::{Load, SingleProcessBackend, conformance};

fn main() -> ExitCode {
    conformance::main(|_| Load::class::<SingleProcessBackend>())
}
