//! Processes of a test's own executable that do what they are told: a test of several processes is one file.
//!
//! The file has a test `worker` that [serves](serve); [`Worker::start`] runs it in another process.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use pytheus::backends::{BackendSpec, MultiProcessFileBackend, json, load_backend};
use pytheus::exposition::generate_metrics;

use crate::scrapes::{Samples, samples_of_text};

const IS_WORKER: &str = "PYTHEUS_TEST_WORKER";
const BEGIN: &str = "<<";
const END: &str = ">>";

/// A process that does what it is told.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// Closed, it ends.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// A process that has loaded nothing yet.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    pub fn idle() -> Self {
        Self::idle_with(&[])
    }

    /// The same, with some more in its environment.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    pub fn idle_with(variables: &[(&str, &OsStr)]) -> Self {
        let command = Command::new(env::current_exe().expect("the path of this test"));
        Self::of(command, variables)
    }

    fn of(mut command: Command, variables: &[(&str, &OsStr)]) -> Self {
        command.args(["worker", "--exact", "--nocapture", "--test-threads=1"]).env(IS_WORKER, "1");
        command.envs(variables.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the test runs again");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { input: child.stdin.take(), child, output }
    }

    /// A process that is the first one in a PID namespace of its own, with its totals in this directory; `None` where the
    /// system gives no such namespace to this user: that takes root, or user namespaces.
    ///
    /// # Panics
    ///
    /// When there is no `unshare`, or the process can't load the backend.
    pub fn in_pid_namespace(directory: &Path) -> Option<Self> {
        let apart = |options: &[&str]| {
            let mut command = Command::new("unshare");
            command.args(options).args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
            command
        };
        let is_allowed = |options: &&&[&str]| {
            let status = apart(options).arg("true").stderr(Stdio::null()).status();
            status.expect("Debian's package `util-linux` is installed, which has `unshare`").success()
        };
        let ways: [&[&str]; 2] = [&[], &["--map-root-user"]];
        let options = ways.iter().find(is_allowed)?;
        let mut command = apart(options);
        command.arg(env::current_exe().expect("the path of this test"));
        let mut worker = Self::of(command, &[]);
        assert_eq!(worker.load(directory), "ok");
        Some(worker)
    }

    /// A process whose totals are in this directory.
    ///
    /// # Panics
    ///
    /// When it can't be started, or can't load the backend.
    pub fn start(directory: &Path) -> Self {
        let mut worker = Self::idle();
        assert_eq!(worker.load(directory), "ok");
        worker
    }

    /// Has it load the backend; says `ok`, or why that can't be done.
    pub fn load(&mut self, directory: &Path) -> String {
        self.ask(&format!("load {}", directory.display()))
    }

    /// Has it do something, and gives its answer.
    ///
    /// # Panics
    ///
    /// When it ends instead.
    pub fn ask(&mut self, what: &str) -> String {
        self.tell(what);
        let mut answer: Option<Vec<String>> = None;
        for line in (&mut self.output).lines() {
            let line = line.expect("the worker writes text");
            match (&mut answer, line.as_str()) {
                (None, BEGIN) => answer = Some(Vec::new()),
                (None, _) => {}
                (Some(answer), END) => return answer.join("\n"),
                (Some(answer), _) => answer.push(line),
            }
        }
        panic!("the worker ended when it was told: {what}");
    }

    /// Has it do something, without waiting for it.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn tell(&mut self, what: &str) {
        let input = self.input.as_mut().expect("it is open until the worker ends");
        writeln!(input, "{what}").expect("the worker listens");
    }

    /// What a scrape of it shows.
    ///
    /// # Panics
    ///
    /// When the scrape fails.
    pub fn scrape(&mut self) -> Samples {
        let text = self.ask("scrape");
        assert!(!text.starts_with("error: "), "{text}");
        samples_of_text(&text)
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, whatever it is doing.
    ///
    /// # Panics
    ///
    /// When it is gone already.
    pub fn kill(mut self) {
        self.child.kill().expect("it is there");
        self.child.wait().expect("it is a child of this process");
    }

    /// Waits until it has ended by itself, and says how.
    ///
    /// # Panics
    ///
    /// When the system can't tell.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it is a child of this process")
    }

    /// Lets it end as programs do.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().expect("it is a child of this process").success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Gone already, or a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does what this process is told, if it is a worker: `load` a directory, `scrape`, and what `act` makes of other words.
///
/// # Panics
///
/// When whoever has started it is gone.
pub fn serve(mut act: impl FnMut(&[&str]) -> String) {
    if env::var_os(IS_WORKER).is_none() {
        return;
    }
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let words: Vec<_> = line.split(' ').collect();
        let answer = match words[..] {
            ["load", directory] => {
                let load = BackendSpec::of::<MultiProcessFileBackend>().with_config(json!({ "directory": directory }));
                load_backend(load).map_or_else(|error| format!("error: {error}"), |()| "ok".to_owned())
            }
            ["scrape"] => generate_metrics().unwrap_or_else(|error| format!("error: {error}")),
            _ => act(&words),
        };
        // In one piece, as other threads write, too.
        print!("\n{BEGIN}\n{answer}\n{END}\n");
    }
}
