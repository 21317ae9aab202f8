//! Child processes: this test binary once more, with a task.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::backends::failpoint;

/// Environment variables with the task of a child and its directory.
const TASK: &str = "PYTHEUS_TEST_TASK";
const DIRECTORY: &str = "PYTHEUS_TEST_DIRECTORY";
const CRASH_AT: &str = "PYTHEUS_TEST_CRASH_AT";

/// Starts a child with a task.
pub(crate) fn command(task: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test has a path"));
    command.args(["--exact", "backends::file::tests::child::the_task_of_a_child", "--nocapture"]);
    command.env(TASK, task).env(DIRECTORY, directory).stdout(Stdio::null());
    command
}

/// Starts the same child from a shell, after a command.
pub(crate) fn in_shell(first: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdout(Stdio::null()).stderr(Stdio::null());
    shell
}

/// Starts a child with a task; it dies at the failpoint, if it passes there.
pub(crate) fn start(task: &str, directory: &Path, crash_at: Option<&str>) -> Child {
    let mut command = command(task, directory);
    match crash_at {
        Some(place) => command.env(CRASH_AT, place),
        None => command.env_remove(CRASH_AT),
    };
    command.spawn().expect("a child can be started")
}

/// Runs a child's task to its end.
pub(crate) fn run(task: &str, directory: &Path, crash_at: Option<&str>) -> ExitStatus {
    start(task, directory, crash_at).wait().expect("it can be waited for")
}

/// Runs the task of this process, if it was started as a child.
#[test]
fn the_task_of_a_child() {
    let (Ok(task), Some(directory)) = (std::env::var(TASK), std::env::var_os(DIRECTORY)) else { return };
    if let Ok(crash_at) = std::env::var(CRASH_AT) {
        let (point, time) = crash_at.split_once(':').unwrap_or((&crash_at, "1"));
        let time: usize = time.parse().expect("a number, from 1 on");
        failpoint::arm(point, time - 1, || std::process::abort());
    }
    super::tasks::run(&task, Path::new(&directory));
}
