//! A proxy with fault injection between clients and a server: it forwards whole commands and replies, or drops them, breaks a
//! connection halfway, delays, or goes silent.

mod state;

use std::collections::VecDeque;
use std::io::{ErrorKind::WouldBlock, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use support::multi::Random;

use self::state::{Fate, State};
use crate::resp;

/// The longest wait for a reset.
const LOOKS_UP: Duration = Duration::from_millis(5);

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From a client.
    ToServer,
    /// To a client.
    ToClient,
}

/// The fate of batches: of [watched](Proxy::watch) commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches lost on the way to the server.
    pub lost_requests: u64,
    /// Batches whose reply was lost on the way to the client.
    pub lost_replies: u64,
    /// Batches at the server whose connection ended without a reply.
    pub unanswered: u64,
    /// Batches at the server without a reply yet.
    pub under_way: u64,
    /// Batches whose reply reached the client.
    pub answered: u64,
    /// Connections that broke after the given bytes.
    pub resets: u64,
}

/// A proxy, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    state: Mutex<State>,
}

/// A client's connection, and the one to the server for it.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    ended: AtomicBool,
    /// Silent, without a word to either side.
    muted: AtomicBool,
    /// The unanswered commands at the server: whether each is a batch.
    sent: Mutex<VecDeque<bool>>,
}

impl Proxy {
    /// Starts a proxy for the server on a local port.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let shared = Arc::new(Shared { server, state: Mutex::new(State::new()) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.state().closed {
                    return;
                }
                if let Ok(client) = client {
                    let shared = Arc::clone(&accepting);
                    thread::spawn(move || shared.link(client));
                }
            }
        });
        Self { port, shared }
    }

    /// Returns the port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Counts commands with this text as batches.
    pub fn watch(&self, text: &str) {
        text.clone_into(&mut self.shared.state().watched);
    }

    /// Drops some of a thousand commands, and of a thousand replies, each with its connection, closed or hanging.
    pub fn lose(&self, seed: u64, of_thousand: u64) {
        let mut state = self.shared.state();
        (state.random, state.losing) = (Random(seed), [of_thousand; 2]);
    }

    /// Delays each command and reply.
    pub fn delay(&self, way: Way, time: Duration) {
        self.shared.state().delay[way as usize] = time;
    }

    /// Resets a connection after exactly this many more bytes.
    pub fn reset_after(&self, way: Way, bytes: u64) {
        self.shared.state().left[way as usize] = Some(bytes);
    }

    /// Holds all messages, also on new connections, until [`heal`](Self::heal).
    pub fn hang(&self) {
        self.shared.state().silent = true;
    }

    /// Closes the server's side of each connection, without telling the client.
    pub fn half_open(&self) {
        for link in self.links() {
            link.muted.store(true, Relaxed);
            let _ = link.server.shutdown(Shutdown::Both);
        }
    }

    /// Resets each connection.
    pub fn cut(&self) {
        for link in self.links() {
            self.shared.end(&link, true);
        }
    }

    fn links(&self) -> Vec<Arc<Link>> {
        self.shared.state().links.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends all faults. Half-open connections stay so.
    pub fn heal(&self) {
        let mut state = self.shared.state();
        (state.silent, state.losing, state.delay, state.left) = (false, [0; 2], [Duration::ZERO; 2], [None; 2]);
    }

    /// Returns the events so far.
    pub fn counts(&self) -> Counts {
        self.shared.state().counts
    }

    /// Returns the commands of each round trip since the last call: all that were sent before a reply came.
    pub fn take_trips(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.shared.state().trips)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.cut();
        // Wakes the accepting thread.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics here")
    }

    fn link(self: &Arc<Self>, client: TcpStream) {
        while self.state().silent {
            thread::sleep(Duration::from_millis(1));
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.server)) else {
            reset(&client);
            return;
        };
        for stream in [&client, &server] {
            let _ = (stream.set_nodelay(true), stream.set_read_timeout(Some(LOOKS_UP)));
        }
        let (ended, muted) = (AtomicBool::new(false), AtomicBool::new(false));
        let link = Arc::new(Link { client, server, ended, muted, sent: Mutex::default() });
        {
            let mut state = self.state();
            state.links.retain(|link| link.strong_count() > 0);
            state.links.push(Arc::downgrade(&link));
        }
        let (shared, other) = (Arc::clone(self), Arc::clone(&link));
        thread::spawn(move || shared.pump(&other, Way::ToClient));
        self.pump(&link, Way::ToServer);
    }

    /// Forwards one direction, until the connection ends.
    fn pump(&self, link: &Link, way: Way) {
        let (mut from, mut to) = match way {
            Way::ToServer => (&link.client, &link.server),
            Way::ToClient => (&link.server, &link.client),
        };
        let (mut held, mut some) = (Vec::new(), vec![0; 64 * 1024]);
        let mut trip = None;
        loop {
            match from.read(&mut some) {
                Ok(length @ 1..) => held.extend_from_slice(&some[..length]),
                Err(error) if error.kind() == WouldBlock && !link.ended.load(Relaxed) => continue,
                _ => break,
            }
            // Commands sent together are one round trip, however early the first reply.
            let mut together = false;
            while let Some((value, taken)) = resp::parse(&held) {
                let frame: Vec<_> = held.drain(..taken).collect();
                if way == Way::ToServer {
                    let waits = together || !link.sent.lock().expect("no thread panics here").is_empty();
                    self.state().note(&value, &mut trip, waits);
                    together = true;
                }
                if !self.pass(link, way, &frame, &mut to) {
                    self.end(link, true);
                    return;
                }
            }
        }
        // A silent side is not told about the end, either.
        if way == Way::ToClient && link.muted.load(Relaxed) {
            return;
        }
        self.end(link, false);
    }

    /// Forwards a command or reply; returns false to end the connection.
    fn pass(&self, link: &Link, way: Way, frame: &[u8], to: &mut &TcpStream) -> bool {
        if link.muted.load(Relaxed) {
            return true;
        }
        let (delay, is_batch) = {
            let state = self.state();
            let is_batch = match way {
                Way::ToServer => {
                    let watched = state.watched.as_bytes();
                    frame.windows(watched.len()).any(|part| part == watched)
                }
                Way::ToClient => link.sent.lock().expect("no thread panics here").front().copied().unwrap_or_default(),
            };
            (state.delay[way as usize], is_batch)
        };
        thread::sleep(delay);
        while self.state().silent && !link.ended.load(Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        if link.ended.load(Relaxed) {
            return false;
        }
        let fate = self.state().fate(way, frame.len(), is_batch);
        match fate {
            Fate::Pass => {}
            Fate::Break(bytes) => {
                let _ = to.write_all(&frame[..bytes]);
                return false;
            }
            Fate::Lose { hang } => {
                // Lost replies are counted as such.
                if way == Way::ToClient {
                    self.settle(link, false);
                }
                link.muted.store(hang, Relaxed);
                return hang;
            }
        }
        if way == Way::ToServer {
            link.sent.lock().expect("no thread panics here").push_back(is_batch);
            self.state().counts.under_way += u64::from(is_batch);
        }
        // Before the client gets it, and sends the next command.
        if way == Way::ToClient {
            self.settle(link, true);
        }
        let written = to.write_all(frame).is_ok();
        if way == Way::ToClient && is_batch && !written {
            let mut state = self.state();
            state.counts.answered -= 1;
            state.counts.unanswered += 1;
        }
        written
    }

    /// Takes the first waiting command: its reply has come.
    fn settle(&self, link: &Link, answered: bool) {
        if link.sent.lock().expect("no thread panics here").pop_front() == Some(true) {
            let mut state = self.state();
            state.counts.under_way -= 1;
            state.counts.answered += u64::from(answered);
        }
    }

    /// Ends both connections.
    fn end(&self, link: &Link, with_reset: bool) {
        if link.ended.swap(true, Relaxed) {
            return;
        }
        let batches = std::mem::take(&mut *link.sent.lock().expect("no thread panics here"));
        let batches = batches.into_iter().filter(|is_batch| *is_batch).count() as u64;
        {
            let mut state = self.state();
            state.counts.under_way -= batches;
            state.counts.unanswered += batches;
        }
        // The server has all forwarded bytes.
        let _ = link.server.shutdown(Shutdown::Both);
        if with_reset {
            // After its reader has ended.
            reset(&link.client);
        } else {
            let _ = link.client.shutdown(Shutdown::Both);
        }
    }
}

/// Makes closing the connection a reset.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
