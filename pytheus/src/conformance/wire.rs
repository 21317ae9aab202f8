//! The processes of a check and their commands: one line of JSON each way.

use std::cell::{Cell, RefCell};
use std::env;
use std::fs::{self, DirBuilder};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::backends::custom::AggregationScope;
use crate::conformance::samples::{Fault, Samples};

/// Environment variable with the command socket; its presence makes the program a worker of a check.
pub(super) const SOCKET: &str = "PYTHEUS_CONFORMANCE_SOCKET";

/// Directory of the backend, beside the socket.
pub(super) const DIRECTORY: &str = "backend";

/// Time limit for an answer: far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One duty of every backend: a sentence, and its check.
pub(super) type Check = (&'static str, fn(&Harness) -> Result<(), Fault>);

/// The surroundings of one check: its directory, its workers and their output.
pub(super) struct Harness {
    directory: PathBuf,
    listener: UnixListener,
    /// The backend's properties, after the first worker has reported them.
    about: Cell<Option<About>>,
    /// Standard error of ended workers.
    said: RefCell<String>,
}

/// Properties that a backend reports about itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) reach: AggregationScope,
    /// Whether the backend gets batches at an interval.
    pub(super) is_sent: bool,
}

impl Harness {
    pub(super) fn new() -> Result<Self, Fault> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let directory = env::temp_dir().join(format!("pytheus-{}-{number}", std::process::id()));
        // Accessible to this user alone, as backends may demand.
        DirBuilder::new().mode(0o700).create(&directory)?;
        DirBuilder::new().mode(0o700).create(directory.join(DIRECTORY))?;
        let listener = UnixListener::bind(directory.join("socket"))?;
        Ok(Self { directory, listener, about: Cell::new(None), said: RefCell::default() })
    }

    /// Removes the directory, but keeps it after a failure.
    pub(super) fn close(self, is_fine: bool) {
        if is_fine {
            // Files that a dying process creates at this moment may stay.
            let _ = fs::remove_dir_all(&self.directory);
        } else {
            eprint!("{}", self.said.borrow());
        }
    }

    /// Starts a worker without a loaded backend.
    pub(super) fn unloaded(&self) -> Result<Process<'_>, Fault> {
        let mut child = Command::new(env::current_exe()?)
            .env(SOCKET, self.directory.join("socket"))
            .env_remove("PYTHEUS_BACKEND_CLASS")
            .env_remove("PYTHEUS_BACKEND_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut errors = child.stderr.take().ok_or("standard error is a pipe")?;
        let said = thread::spawn(move || {
            let mut said = Vec::new();
            // The thread ends with the worker and all its forked children.
            let _ = errors.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        self.connected(Some((child, said)))
    }

    /// Starts a worker and has it load the backend.
    pub(super) fn process(&self) -> Result<Process<'_>, Fault> {
        let mut process = self.unloaded()?;
        process.ask(json!(["load"]))?;
        Ok(process)
    }

    fn connected(&self, child: Option<(Child, JoinHandle<String>)>) -> Result<Process<'_>, Fault> {
        // Waits without a limit: a worker fails to connect only through a fault of the program.
        let (stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Process { harness: self, answers: BufReader::new(stream.try_clone()?), stream, child, has_forked: false })
    }

    /// Returns the backend's properties.
    pub(super) fn about(&self) -> Result<About, Fault> {
        if let Some(about) = self.about.get() {
            return Ok(about);
        }
        let answer = self.process()?.ask(json!(["about"]))?;
        let reach = match answer["reach"].as_str() {
            Some("machine") => AggregationScope::Machine,
            Some("everywhere") => AggregationScope::Everywhere,
            _ => AggregationScope::Process,
        };
        let about = About { reach, is_sent: answer["sent"] == true };
        self.about.set(Some(about));
        Ok(about)
    }

    /// Returns whether a scrape of one process includes the others' counts.
    pub(super) fn is_shared(&self) -> Result<bool, Fault> {
        Ok(self.about()?.reach != AggregationScope::Process)
    }

    /// Returns the total that a scrape should show after `own` updates here and `others` elsewhere.
    pub(super) fn total(&self, own: f64, others: f64) -> Result<f64, Fault> {
        Ok(if self.is_shared()? { own + others } else { own })
    }

    /// Returns the standard error of ended workers.
    pub(super) fn said(&self) -> String {
        self.said.borrow().clone()
    }
}

/// A worker process of a check. Dropping it kills it.
pub(super) struct Process<'b> {
    harness: &'b Harness,
    stream: UnixStream,
    answers: BufReader<UnixStream>,
    /// None for a forked child of another worker.
    child: Option<(Child, JoinHandle<String>)>,
    /// A forked child may outlive the worker and hold its standard error open.
    has_forked: bool,
}

impl<'b> Process<'b> {
    /// Sends a command and waits for the answer.
    #[allow(clippy::needless_pass_by_value, reason = "written where it is asked")]
    pub(super) fn ask(&mut self, what: Value) -> Result<Value, Fault> {
        self.send(&what)?;
        self.answer(&what)
    }

    /// Sends a command without waiting.
    pub(super) fn send(&mut self, what: &Value) -> Result<(), Fault> {
        Ok(self.stream.write_all(format!("{what}\n").as_bytes())?)
    }

    /// Waits for the answer to the last command.
    pub(super) fn answer(&mut self, what: &Value) -> Result<Value, Fault> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| format!("no answer to {what}: {error}"))?;
        let answer: Value = line.parse().map_err(|_| format!("the process ended over {what}"))?;
        match answer["error"].as_str() {
            Some(error) => Err(format!("{what}: {error}").into()),
            None => Ok(answer["ok"].clone()),
        }
    }

    pub(super) fn scrape(&mut self) -> Result<Samples, Fault> {
        let text = self.ask(json!(["scrape"]))?;
        Ok(Samples::of(text.as_str().unwrap_or_default()))
    }

    /// Makes all counts so far visible to the other processes.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        self.ask(json!(["flush"])).map(drop)
    }

    /// Adds to the counter with this label.
    pub(super) fn count(&mut self, name: &str, label: &str, amount: f64) -> Result<(), Fault> {
        self.ask(json!(["counter", name, label, amount])).map(drop)
    }

    /// Sets or increments the gauge of this mode.
    pub(super) fn gauge(&mut self, mode: &str, how: &str, value: f64) -> Result<(), Fault> {
        self.ask(json!(["gauge", mode, how, value.to_string()])).map(drop)
    }

    /// Forks a child of the worker.
    pub(super) fn fork(&mut self) -> Result<Process<'b>, Fault> {
        self.ask(json!(["fork"]))?;
        self.has_forked = true;
        self.harness.connected(None)
    }

    /// Ends the worker as a program ends: with `shutdown`.
    pub(super) fn exit(mut self) -> Result<(), Fault> {
        self.ask(json!(["exit"]))?;
        self.end()
    }

    /// Kills the worker.
    pub(super) fn kill(mut self) -> Result<(), Fault> {
        if let Some((child, _)) = &mut self.child {
            child.kill()?;
        } else {
            self.send(&json!(["abort"]))?;
        }
        self.end()
    }

    fn end(&mut self) -> Result<(), Fault> {
        if let Some((mut child, said)) = self.child.take() {
            child.wait()?;
            let patience = if self.has_forked { Duration::ZERO } else { PATIENCE };
            let deadline = Instant::now() + patience;
            while !said.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
            if said.is_finished() {
                self.harness.said.borrow_mut().push_str(&said.join().unwrap_or_default());
            }
        } else {
            // The loop ends with the connection.
            let _ = self.answers.read_to_end(&mut Vec::new());
        }
        Ok(())
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.child {
            let _ = child.kill();
            let _ = self.end();
        }
    }
}

/// Returns the backend's directory for a worker with this socket.
pub(super) fn directory_beside(socket: &Path) -> PathBuf {
    socket.with_file_name(DIRECTORY)
}
