//! Prometheus' own linter of expositions.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs `promtool check metrics`.
///
/// # Panics
///
/// When it has anything to say, or is not installed.
#[track_caller]
pub fn assert_clean(exposition: &str) {
    let mut promtool = Command::new(crate::program("promtool", "prometheus"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = promtool.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        // Beside the reading, as each side may wait for the other.
        scope.spawn(move || stdin.write_all(exposition.as_bytes()));
        promtool.wait_with_output().expect("promtool ends")
    });
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && said.is_empty(),
        "promtool check metrics ({}): {}\n{exposition}",
        output.status,
        String::from_utf8_lossy(&said)
    );
}
