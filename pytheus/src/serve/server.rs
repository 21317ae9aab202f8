//! A server that runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::oneshot;

use super::accept::Acceptor;
use super::error::ServeError;
use super::listener::{Bound, Listener};
use crate::model::process;

/// A server of metrics. It ends when this is dropped, as by [`shutdown`](Self::shutdown).
///
/// A forked child does not serve: the socket is closed there, and dropping this has no effect on the parent. It calls
/// [`serve`](fn@crate::serve) itself, on an address of its own.
#[must_use = "the server ends when this is dropped; `let _metrics = ..` keeps it, `detach` lets it run on"]
pub struct Server {
    thread: Option<JoinHandle<()>>,
    end: Option<oneshot::Sender<()>>,
    process: u32,
    local_addr: Option<SocketAddr>,
    url: String,
}

impl Server {
    /// Starts the thread; returns once it accepts connections.
    pub(super) fn start(bound: Bound, acceptor: Acceptor, scheme: &str) -> Result<Self, ServeError> {
        let local_addr = bound.local_addr;
        let url = match local_addr {
            Some(address) => format!("{scheme}://{address}{}", acceptor.site.path),
            None => bound.address.clone(),
        };
        let (end, ended) = oneshot::channel();
        let (started, starting) = mpsc::sync_channel(1);
        // A runtime of its own: the program has any, or none. It must not be dropped on a thread of another one.
        let run = move || {
            let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build();
            let result = runtime.and_then(|runtime| {
                let context = runtime.enter();
                let listener = Listener::new(bound)?;
                drop(context);
                Ok((runtime, listener))
            });
            match result {
                Ok((runtime, listener)) => {
                    drop(started.send(Ok(())));
                    runtime.block_on(acceptor.run(listener, ended));
                }
                Err(error) => drop(started.send(Err(error))),
            }
        };
        let refused = |source| ServeError::Thread { source };
        let thread = thread::Builder::new().name("pytheus-serve".to_owned()).spawn(run).map_err(refused)?;
        starting.recv().unwrap_or_else(|gone| Err(io::Error::other(gone))).map_err(refused)?;
        Ok(Self { thread: Some(thread), end: Some(end), process: process::id(), local_addr, url })
    }

    /// Returns the address, with the port that the system chose; none for a Unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Returns the address of the metrics, as in `http://127.0.0.1:9464/metrics`; of a Unix socket, `unix:` and its path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server: closes the socket at once, and waits until answers in progress are sent, at most 10 seconds.
    ///
    /// In an async function, call it where it may block, such as tokio's `spawn_blocking`.
    pub fn shutdown(self) {
        drop(self);
    }

    /// Lets the server run until the process ends.
    pub fn detach(mut self) {
        // Its end would be the signal.
        std::mem::forget(self.end.take());
        drop(self.thread.take());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (end, thread) = (self.end.take(), self.thread.take());
        if self.process != process::id() {
            // Both are of the parent: its runtime would be woken, and a thread that is not there waited for.
            std::mem::forget((end, thread));
            return;
        }
        drop(end);
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url).finish_non_exhaustive()
    }
}
