//! A Redis for the rows.

#![allow(unsafe_code, reason = "a process can't be stopped without, nor tied to the life of another")]

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pytheus::backends::{Value, json};

const PROGRAM: &str = "redis-server";

/// A server on a free port of the loopback, that keeps nothing on a disk. Killed when dropped, or with this process.
pub(super) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(super) fn start() -> Self {
        // Free again at once; hardly anyone else takes it meanwhile.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("the loopback has a free port").port();
        let mut command = Command::new(PROGRAM);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        ends_with_this_process(&mut command);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = server.child.try_wait().is_ok_and(|status| status.is_some());
            assert!(!ended && Instant::now() < deadline, "{PROGRAM} does not listen on port {port}");
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// What a process needs to count there.
    pub(super) fn config(&self) -> Value {
        json!({ "host": "127.0.0.1", "port": self.port })
    }

    /// Takes connections and requests from now on, and answers none.
    pub(super) fn hang(&self) {
        // SAFETY: sends a signal to the child of this process, which nobody has waited for yet.
        let sent = unsafe { libc::kill(self.child.id().cast_signed(), libc::SIGSTOP) };
        assert_eq!(sent, 0, "{PROGRAM} can't be stopped: {}", io::Error::last_os_error());
    }

    pub(super) fn kill(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Also when this process is killed, while that one is stopped.
#[cfg(target_os = "linux")]
fn ends_with_this_process(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    let tie = || match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: the new process does no more than this one call, which neither allocates nor locks.
    unsafe { command.pre_exec(tie) };
}

#[cfg(not(target_os = "linux"))]
fn ends_with_this_process(_: &mut Command) {}
