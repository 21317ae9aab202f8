//! A metric may be counted in before `main` begins, when the backends of the program are not known yet.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "what runs before `main` is named in a section of the executable")]

use std::env;

use pytheus::exposition::generate_metrics;
use pytheus::metric;
use support::worker::rerun;

metric! {
    /// Anything.
    static COUNTED: Counter = "counted_total";
}

extern "C" fn before_all_others() {
    COUNTED.inc();
}

// SAFETY: where functions stand that are called before `main`, those with the lowest number first.
#[used]
#[unsafe(link_section = ".init_array.00101")]
static BEFORE: extern "C" fn() = before_all_others;

const DIRECTORY: &str = "TEST_DIRECTORY";

/// Not a test by itself: what the other starts.
#[test]
fn child() {
    if env::var_os(DIRECTORY).is_some() {
        COUNTED.inc();
        let text = generate_metrics().unwrap_or_else(|error| error.to_string());
        println!("{text}");
    }
}

#[test]
fn what_counts_before_main_does_not_keep_the_backend_of_the_environment_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (directory, config) = (folder.path().join("metrics"), folder.path().join("pytheus.json"));
    std::fs::write(&config, pytheus::backends::json!({ "directory": directory }).to_string()).expect("there is room");
    for round in 1..=2 {
        let mut command = rerun("child");
        command.env(DIRECTORY, &directory);
        command.env("PYTHEUS_BACKEND_CLASS", "file").env("PYTHEUS_BACKEND_CONFIG", &config);
        let output = command.output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("\ncounted_total {}\n", round * 2)), "{text}");
    }
}
