//! Other processes: this test binary once more, with something to do.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::backends::failpoint;

/// What a child is told to do, and where.
const ERRAND: &str = "PYTHEUS_TEST_ERRAND";
const DIRECTORY: &str = "PYTHEUS_TEST_DIRECTORY";
const CRASH_AT: &str = "PYTHEUS_TEST_CRASH_AT";

/// Has a child do an errand.
pub(crate) fn command(errand: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test has a path"));
    command.args(["--exact", "backends::file::tests::child::the_errand_of_a_child", "--nocapture"]);
    command.env(ERRAND, errand).env(DIRECTORY, directory).stdout(Stdio::null());
    command
}

/// The same child, once the shell has done something.
pub(crate) fn in_shell(first: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

/// Has a child do an errand, and end at a fault point if it comes by there.
pub(crate) fn start(errand: &str, directory: &Path, crash_at: Option<&str>) -> Child {
    let mut command = command(errand, directory);
    match crash_at {
        Some(place) => command.env(CRASH_AT, place),
        None => command.env_remove(CRASH_AT),
    };
    command.spawn().expect("a child can be started")
}

/// Has a child do an errand, and waits for it.
pub(crate) fn run(errand: &str, directory: &Path, crash_at: Option<&str>) -> ExitStatus {
    start(errand, directory, crash_at).wait().expect("it can be waited for")
}

/// Does what this process was started for, if it was.
#[test]
fn the_errand_of_a_child() {
    let (Ok(errand), Some(directory)) = (std::env::var(ERRAND), std::env::var_os(DIRECTORY)) else { return };
    if let Ok(crash_at) = std::env::var(CRASH_AT) {
        let (point, time) = crash_at.split_once(':').unwrap_or((&crash_at, "1"));
        let time: usize = time.parse().expect("a number, from 1 on");
        failpoint::arm(point, time - 1, || std::process::abort());
    }
    super::errands::run(&errand, Path::new(&directory));
}
