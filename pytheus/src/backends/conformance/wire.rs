//! The processes of a check, and how they are told what to do: a line of JSON each way.

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

use super::Fault;
use super::samples::Samples;
use crate::backends::custom::AggregationScope;

/// The variable that makes the program a process of a check: the socket where it is told what to do.
pub(super) const SOCKET: &str = "PYTHEUS_CONFORMANCE_SOCKET";

/// The directory that the backend is given, beside the socket.
pub(super) const DIRECTORY: &str = "backend";

/// How long an answer may take: far more than it needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where one check runs.
pub(super) struct Bench {
    directory: PathBuf,
    listener: UnixListener,
    /// What it is known that the backend does, once it was asked.
    about: Cell<Option<About>>,
    /// What processes that are gone have said on standard error.
    said: RefCell<String>,
}

/// What the backend says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) reach: AggregationScope,
    /// Whether it is sent what was counted, from time to time.
    pub(super) is_sent: bool,
}

impl Bench {
    pub(super) fn new() -> Result<Self, Fault> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let directory = env::temp_dir().join(format!("pytheus-{}-{number}", std::process::id()));
        // Of the user alone, as backends may want it.
        DirBuilder::new().mode(0o700).create(&directory)?;
        DirBuilder::new().mode(0o700).create(directory.join(DIRECTORY))?;
        let listener = UnixListener::bind(directory.join("socket"))?;
        Ok(Self { directory, listener, about: Cell::new(None), said: RefCell::default() })
    }

    /// Leaves nothing behind, unless something was wrong.
    pub(super) fn close(self, is_fine: bool) {
        if is_fine {
            // Whatever a process that dies just now leaves there may stay.
            let _ = fs::remove_dir_all(&self.directory);
        } else {
            eprint!("{}", self.said.borrow());
        }
    }

    /// A process that has not loaded the backend.
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
            // Ends with the process, and with all that were forked from it.
            let _ = errors.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        self.connected(Some((child, said)))
    }

    /// A process that has.
    pub(super) fn process(&self) -> Result<Process<'_>, Fault> {
        let mut process = self.unloaded()?;
        process.ask(json!(["load"]))?;
        Ok(process)
    }

    fn connected(&self, child: Option<(Child, JoinHandle<String>)>) -> Result<Process<'_>, Fault> {
        // Waits as long as it takes: but for what is wrong with the program, a process connects.
        let (stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Process { bench: self, answers: BufReader::new(stream.try_clone()?), stream, child, has_forked: false })
    }

    /// What the backend says of itself.
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

    /// Does a process see what others count?
    pub(super) fn is_shared(&self) -> Result<bool, Fault> {
        Ok(self.about()?.reach != AggregationScope::Process)
    }

    /// The number that a process shows that has counted `own`, while others have counted `others`.
    pub(super) fn total(&self, own: f64, others: f64) -> Result<f64, Fault> {
        Ok(if self.is_shared()? { own + others } else { own })
    }

    /// What processes that are gone have said on standard error.
    pub(super) fn said(&self) -> String {
        self.said.borrow().clone()
    }
}

/// A process of a check. Killed when it is dropped.
pub(super) struct Process<'b> {
    bench: &'b Bench,
    stream: UnixStream,
    answers: BufReader<UnixStream>,
    /// Unless another process has forked it.
    child: Option<(Child, JoinHandle<String>)>,
    /// A child of its own may live longer, and hold what it writes to.
    has_forked: bool,
}

impl<'b> Process<'b> {
    /// Has it do something, and waits until it is done.
    #[allow(clippy::needless_pass_by_value, reason = "written where it is asked")]
    pub(super) fn ask(&mut self, what: Value) -> Result<Value, Fault> {
        self.send(&what)?;
        self.answer(&what)
    }

    /// Has it do something meanwhile.
    pub(super) fn send(&mut self, what: &Value) -> Result<(), Fault> {
        Ok(self.stream.write_all(format!("{what}\n").as_bytes())?)
    }

    /// What came of it.
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

    /// Has all that it has counted where others see it.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        self.ask(json!(["flush"])).map(drop)
    }

    /// Adds to a counter of this label.
    pub(super) fn count(&mut self, name: &str, label: &str, amount: f64) -> Result<(), Fault> {
        self.ask(json!(["counter", name, label, amount])).map(drop)
    }

    /// Sets or adds to a gauge of this mode.
    pub(super) fn gauge(&mut self, mode: &str, how: &str, value: f64) -> Result<(), Fault> {
        self.ask(json!(["gauge", mode, how, value.to_string()])).map(drop)
    }

    /// A child of it.
    pub(super) fn fork(&mut self) -> Result<Process<'b>, Fault> {
        self.ask(json!(["fork"]))?;
        self.has_forked = true;
        self.bench.connected(None)
    }

    /// Ends it as a program ends.
    pub(super) fn exit(mut self) -> Result<(), Fault> {
        self.ask(json!(["exit"]))?;
        self.end()
    }

    /// Kills it.
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
                self.bench.said.borrow_mut().push_str(&said.join().unwrap_or_default());
            }
        } else {
            // Ends with the connection.
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

/// The directory of the backend, of a process that has this socket.
pub(super) fn directory_beside(socket: &Path) -> PathBuf {
    socket.with_file_name(DIRECTORY)
}
