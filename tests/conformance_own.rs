//! The example of a backend of one's own does what a backend has to do.

use std::process::ExitCode;

use pytheus::backends::{BackendSpec, json};
use pytheus::conformance;

#[allow(dead_code, unreachable_pub, reason = "its `main` is that of an example, and it is public where users copy it")]
#[path = "../examples/own_backend.rs"]
mod own_backend;

fn main() -> ExitCode {
    conformance::main(|directory| {
        BackendSpec::of::<own_backend::FileStore>().with_config(json!({"directory": directory}))
    })
}
