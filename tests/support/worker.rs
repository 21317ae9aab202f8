//! Other processes of a test's own executable: each runs one test function, in an environment of its own.
//!
//! A file with workers has a test `worker` that [serves](serve) requests; [`Worker::start`] runs it in another process. A
//! request is a line on standard input, its answer the lines between two marks on standard output.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, PipeReader, Write as _};
use std::panic::Location;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use pytheus::backends::{BackendSpec, flush, json, load_backend, shutdown};
use pytheus::exposition::generate_metrics;
use serde_json::Value;

use crate::scrapes::{Samples, samples_of_text};
use crate::{TIMEOUT, retry_until};

const IS_WORKER: &str = "PYTHEUS_TEST_WORKER";
const BEGIN: &str = "<<";
const END: &str = ">>";

/// Returns a command that runs one test of the caller's file in this executable again.
///
/// # Panics
///
/// When the executable has no path.
#[track_caller]
pub fn rerun(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("the path of this test"));
    command.args(only(test));
    command
}

/// The arguments of the test harness for one test of the caller's file, be that a module or the root of its executable.
#[track_caller]
fn only(test: &str) -> [String; 5] {
    let module = Path::new(Location::caller().file()).file_stem().expect("a file has a name").to_string_lossy();
    let options = ["--exact", "--nocapture", "--test-threads=1"].map(str::to_owned);
    let [exact, nocapture, threads] = options;
    [test.to_owned(), format!("{module}::{test}"), exact, nocapture, threads]
}

/// A process that serves the requests of a test.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// The end of its input ends it.
    input: Option<ChildStdin>,
    output: BufReader<PipeReader>,
}

impl Worker {
    /// Starts a process without a backend.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    #[track_caller]
    pub fn idle() -> Self {
        Self::idle_with::<&str>(&[])
    }

    /// Starts one with more variables in its environment.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    #[track_caller]
    pub fn idle_with<V: AsRef<OsStr>>(variables: &[(&str, V)]) -> Self {
        let mut command = rerun("worker");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self::spawn(command, false)
    }

    /// Starts one whose standard error is part of its output: [`try_ask`](Self::try_ask) fails when it reports or panics.
    ///
    /// # Panics
    ///
    /// When it can't be started.
    #[track_caller]
    pub fn silent_with<V: AsRef<OsStr>>(variables: &[(&str, V)]) -> Self {
        let mut command = rerun("worker");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self::spawn(command, true)
    }

    fn spawn(mut command: Command, joins_errors: bool) -> Self {
        let (output, writer) = std::io::pipe().expect("a pipe");
        if joins_errors {
            command.stderr(writer.try_clone().expect("a pipe"));
        }
        let mut child =
            command.env(IS_WORKER, "1").stdin(Stdio::piped()).stdout(writer).spawn().expect("the test runs again");
        Self { input: child.stdin.take(), child, output: BufReader::new(output) }
    }

    /// Starts a process as the first one of a PID namespace, with its totals in this directory. Returns `None` where the
    /// system gives this user no such namespace: that takes root, or user namespaces.
    ///
    /// # Panics
    ///
    /// When there is no `unshare`, or the process can't load the backend.
    #[track_caller]
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
        command.arg(env::current_exe().expect("the path of this test")).args(only("worker"));
        let mut worker = Self::spawn(command, false);
        assert_eq!(worker.load(directory), "ok");
        Some(worker)
    }

    /// Starts a process with its totals in this directory.
    ///
    /// # Panics
    ///
    /// When it can't be started, or can't load the backend.
    #[track_caller]
    pub fn start(directory: &Path) -> Self {
        let mut worker = Self::idle();
        assert_eq!(worker.load(directory), "ok");
        worker
    }

    /// Starts a process with this backend, in this configuration.
    ///
    /// # Panics
    ///
    /// When it can't be started, or can't load the backend.
    #[track_caller]
    pub fn with_backend(class: &str, config: &Value) -> Self {
        let mut worker = Self::idle();
        assert_eq!(worker.load_backend(class, config), "ok");
        worker
    }

    /// Loads the file backend; returns `ok`, or the error.
    pub fn load(&mut self, directory: &Path) -> String {
        self.load_backend("file", &json!({ "directory": directory }))
    }

    /// Loads a backend; returns `ok`, or the error.
    pub fn load_backend(&mut self, class: &str, config: &Value) -> String {
        self.ask(&format!("load {class} {config}"))
    }

    /// Sends a request and returns its answer.
    ///
    /// # Panics
    ///
    /// When the process ends before its answer.
    pub fn ask(&mut self, request: &str) -> String {
        self.tell(request);
        match self.answer() {
            (Some(answer), _) => answer,
            (None, _) => panic!("the worker ended before it answered: {request}"),
        }
    }

    /// Sends a request and returns its answer; `None` when the process is killed before.
    ///
    /// # Errors
    ///
    /// The output beside the answer, when it has a report or a panic.
    pub fn try_ask(&mut self, request: &str) -> Result<Option<String>, String> {
        self.tell(request);
        self.try_answer()
    }

    /// Returns the answer to a request that was sent with [`tell`](Self::tell); as [`try_ask`](Self::try_ask).
    ///
    /// # Errors
    ///
    /// The output beside the answer, when it has a report or a panic.
    pub fn try_answer(&mut self) -> Result<Option<String>, String> {
        let (answer, beside) = self.answer();
        let text = beside + answer.as_deref().unwrap_or_default();
        if text.contains("pytheus: ") || text.contains("panicked") { Err(text) } else { Ok(answer) }
    }

    /// Returns the text of a scrape.
    ///
    /// # Panics
    ///
    /// When the process reports something, or ends.
    #[track_caller]
    pub fn text(&mut self) -> String {
        self.try_ask("scrape").unwrap_or_else(|said| panic!("{said}")).expect("the worker ended")
    }

    /// Returns the next answer, and the lines before it.
    fn answer(&mut self) -> (Option<String>, String) {
        let (mut answer, mut beside): (Option<Vec<String>>, _) = (None, String::new());
        for line in (&mut self.output).lines() {
            let line = line.expect("the worker writes text");
            match (&mut answer, line.as_str()) {
                (None, BEGIN) => answer = Some(Vec::new()),
                (None, _) => beside += &(line + "\n"),
                (Some(answer), END) => return (Some(answer.join("\n")), beside),
                (Some(answer), _) => answer.push(line),
            }
        }
        (None, beside)
    }

    /// Sends a request without waiting for its answer. A process that was killed does not get it.
    ///
    /// # Panics
    ///
    /// When the process was asked to end.
    pub fn tell(&mut self, request: &str) {
        let input = self.input.as_mut().expect("it is open until the worker ends");
        let _ = writeln!(input, "{request}");
    }

    /// Returns the samples of a scrape.
    ///
    /// # Panics
    ///
    /// When the scrape fails.
    pub fn scrape(&mut self) -> Samples {
        self.try_scrape().unwrap_or_else(|error| panic!("error: {error}"))
    }

    /// Returns the samples of a scrape.
    ///
    /// # Errors
    ///
    /// The error of the scrape.
    pub fn try_scrape(&mut self) -> Result<Samples, String> {
        let text = self.ask("scrape");
        text.strip_prefix("error: ").map_or_else(|| Ok(samples_of_text(&text)), |error| Err(error.to_owned()))
    }

    /// Returns its process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it with SIGKILL, and waits for its end.
    ///
    /// # Panics
    ///
    /// When it was waited for already.
    pub fn kill(mut self) {
        self.send_kill();
        self.child.wait().expect("a child of this process");
    }

    /// Sends it SIGKILL. Its answers so far are still there.
    ///
    /// # Panics
    ///
    /// When it was waited for already.
    pub fn send_kill(&mut self) {
        self.child.kill().expect("a child of this process");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    ///
    /// When it is no child of this process.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("a child of this process")
    }

    /// Has it end as programs do.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().expect("a child of this process").success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Gone already, or a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves requests until the end of standard input, in a process that is a worker: `load CLASS CONFIG`, `scrape`, `flush`,
/// `flushed` (retries until a flush succeeds), `shutdown`; `act` serves all others.
///
/// # Panics
///
/// When its input is no text.
pub fn serve(mut act: impl FnMut(&[&str]) -> String) {
    if env::var_os(IS_WORKER).is_none() {
        return;
    }
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let words: Vec<_> = line.split(' ').collect();
        let answer = match words[..] {
            ["load", class, ..] => {
                let config: Value = line["load ".len() + class.len()..].parse().expect("a configuration");
                outcome(load_backend(BackendSpec::named(class).with_config(config)))
            }
            ["scrape"] => generate_metrics().unwrap_or_else(|error| format!("error: {error}")),
            ["flush"] => outcome(flush()),
            ["flushed"] => outcome(retry_until(TIMEOUT, || flush().map_err(|error| error.to_string()))),
            ["shutdown"] => outcome(shutdown(TIMEOUT)),
            _ => act(&words),
        };
        // In one piece, as other threads write, too.
        print!("\n{BEGIN}\n{answer}\n{END}\n");
    }
}

fn outcome<E: std::fmt::Display>(outcome: Result<(), E>) -> String {
    outcome.map_or_else(|error| format!("error: {error}"), |()| "ok".to_owned())
}
