//! One process alone does what a backend has to do.

use std::process::ExitCode;

use pytheus::backends::{BackendSpec, SingleProcessBackend};
use pytheus::conformance;

fn main() -> ExitCode {
    conformance::main(|_| BackendSpec::of::<SingleProcessBackend>())
}
