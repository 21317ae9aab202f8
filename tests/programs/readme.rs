//! The README's program prints the text below it, its line for a service is that of the quickstart, and its two commands work.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::example;
use support::package::{Workspace, succeeds};

const README: &str = include_str!("../../README.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Ends a build that hangs; it says nothing about how long one may take.
const AN_HOUR: Duration = Duration::from_secs(3_600);

/// Returns the fenced blocks in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    let blocks = README.split(&*fence).skip(1);
    blocks.map(|block| block.split("\n```\n").next().unwrap_or_default()).collect()
}

/// Returns the commands, which are the blocks of `sh`.
fn commands() -> Vec<&'static str> {
    blocks("sh")
}

/// Hides the value of a sum of seconds, which differs with each run.
fn masked(line: &str) -> &str {
    line.split_once("_seconds_sum{").and_then(|_| line.rsplit_once(' ')).map_or(line, |(name, _)| name)
}

/// A shell and all that it starts, until it is dropped.
struct Shell(Child);

impl Shell {
    fn start(command: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(ROOT).process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        // Where the tests are built, even if only an option of cargo said where.
        shell.env("CARGO_TARGET_DIR", support::target_dir()).envs([("HOST", "127.0.0.1"), ("PORT", "0")]);
        Self(shell.spawn().expect("a shell"))
    }

    /// Passes on the lines that it prints; hangs up when it ends.
    fn lines(&mut self) -> mpsc::Receiver<String> {
        let output = BufReader::new(self.0.stdout.take().expect("a pipe"));
        let (sender, receiver) = mpsc::channel();
        // Reads on when nobody listens any more: a program that prints must not fail.
        thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        receiver
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Only a shell's `kill` is there for sure; std has none for a group.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("sh").args(["-c", "kill -s KILL -- \"$0\"", &group]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn the_first_program_prints_the_text_below_it() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let workspace = Workspace::new(&folder, &["readme-program"]);
    let workspace = workspace.package("readme-program", "", &[("src/main.rs", blocks("rust")[0])]);
    let program = workspace.build(&["readme-program"]).join("readme-program");
    let printed = succeeds(&Command::new(program).output().expect("the program runs"));
    let printed: Vec<_> = printed.lines().map(masked).collect();
    assert_eq!(printed, blocks("text")[0].lines().map(masked).collect::<Vec<_>>());
}

#[test]
fn the_line_for_a_service_is_that_of_the_quickstart() {
    let quickstart = fs::read_to_string(format!("{ROOT}/examples/quickstart.rs")).expect("the example");
    let [line] = blocks("rs")[..] else { panic!("one block") };
    assert!(quickstart.contains(line), "{line}");
    assert!(include_str!("../../pytheus/src/guide/service.md").contains(line), "the guide has it, too");
}

#[test]
fn the_first_command_builds_and_serves_the_quickstart() {
    let command = commands()[0];
    assert_eq!(command, "cargo run --release -p pytheus-examples --example quickstart");

    let mut shell = Shell::start(command);
    let lines = shell.lines();
    let address = loop {
        let line = lines.recv_timeout(AN_HOUR).expect("the quickstart says where it listens");
        if let Some(address) = example::address_in(&line) {
            break address;
        }
    };
    let get = |path| support::get(&format!("http://{address}{path}")).unwrap();
    assert_eq!(get("/").body, "hello world!");
    let metrics = get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("\nhttp_request_duration_seconds_count 1\n"), "{}", metrics.body);
}

#[test]
fn the_second_command_is_the_one_that_decides_what_goes_in() {
    let command = commands()[1];
    assert_eq!(command, "tests/run.sh");

    let script = fs::metadata(format!("{ROOT}/{command}")).expect("the script");
    assert!(script.is_file() && script.permissions().mode() & 0o111 == 0o111, "it can't be run");
    let gate = fs::read_to_string(format!("{ROOT}/.ci/run")).expect("the gate");
    assert!(gate.lines().any(|line| line == command), "it is not a part of .ci/run");
}

#[test]
fn there_are_two_commands() {
    assert_eq!(commands().len(), 2);
}
