//! A Redis of the test's own.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server on a free port of the loopback, which ends with the test.
#[derive(Debug)]
pub struct Redis {
    directory: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// One that keeps nothing on a disk.
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// One with these options.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_with(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the server");
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut redis = Self { directory, port: crate::free_port(), options, child: None };
        redis.restart();
        redis
    }

    /// Starts it again where it was killed, on the same port, with the files that are there.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        let mut command = Command::new(crate::program("redis-server", "redis-server"));
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"]);
        command.arg("--dir").arg(self.directory.path()).args(&self.options);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("the server starts");
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it.
    ///
    /// # Panics
    ///
    /// When that can't be done.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, as clients take it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
