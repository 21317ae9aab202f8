//! Launches servers of other projects, each on a free port and with a folder of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{free_port, wait_for};

/// The process of a server, until it is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl ServerProcess {
    /// Reserves no port yet: [`restart`](Self::restart) starts the server on this one.
    ///
    /// # Panics
    ///
    /// When there is no temporary directory.
    pub fn absent(port: u16) -> Self {
        Self { child: None, port, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Starts `command`, given a port and the folder, and waits until `probe` succeeds on that port. Another process may take
    /// a free port first: a server that ends is tried on other ports.
    ///
    /// # Panics
    ///
    /// When it ends on several ports, with its log.
    pub fn start(command: impl Fn(u16, &Path) -> Command, probe: impl Fn(u16, &Path) -> Result<(), String>) -> Self {
        let mut last = String::new();
        for _ in 0..5 {
            let mut server = Self::absent(free_port());
            match server.try_start(&command, &probe) {
                Ok(()) => return server,
                Err(log) => last = log,
            }
        }
        panic!("{last}")
    }

    /// Starts it again on the same port, with the same folder.
    ///
    /// # Panics
    ///
    /// When it runs, or ends before `probe` succeeds.
    pub fn restart(
        &mut self,
        command: impl Fn(u16, &Path) -> Command,
        probe: impl Fn(u16, &Path) -> Result<(), String>,
    ) {
        assert!(self.child.is_none(), "the server was ended before");
        self.try_start(&command, &probe).unwrap_or_else(|log| panic!("{log}"));
    }

    fn try_start(
        &mut self,
        command: &impl Fn(u16, &Path) -> Command,
        probe: &impl Fn(u16, &Path) -> Result<(), String>,
    ) -> Result<(), String> {
        let log = File::options().create(true).append(true).open(self.folder().join("log")).expect("a log");
        let mut command = command(self.port, self.folder());
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("a log")).stdout(log);
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        wait_for("answer of the server", || match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(Some(status))) => Ok(Err(format!("{command:?} ended ({status}):\n{}", self.log()))),
            _ => probe(self.port, self.folder()).map(Ok),
        })
    }

    /// Returns its standard output and standard error so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Returns the port that it was started on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the directory of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns its process ID.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Kills it with SIGKILL.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("a child of this process");
        child.wait().expect("a child of this process");
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}
