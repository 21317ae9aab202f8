//! Connecting by a deadline to a server that has a name.
//!
//! The system looks a name up for as long as it likes, half a minute where its name server is away, and nothing can stop it;
//! and the `redis` crate gives all the time that there is to each of the addresses that it finds. So a thread of its own does
//! that, and is left to itself when it takes too long. There are few of them at a time: a system that never answers gets no
//! more.

use std::io::{Error, ErrorKind};
use std::net::IpAddr;
use std::process;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Instant;

use redis::{Client, Connection, ConnectionAddr, RedisError};

use super::wire::left;
use crate::storage::lock;

/// Threads that look something up.
const MOST: usize = 8;

/// How many there are, of this process: those of its parent are not here.
static THREADS: Mutex<(u32, usize)> = Mutex::new((0, 0));

/// Opens a connection, as nobody yet.
pub(super) fn open(client: &Client, deadline: Instant) -> Result<Connection, RedisError> {
    let time = left(deadline)?;
    let name = match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } if host.parse::<IpAddr>().is_err() => host,
        _ => return client.get_connection_with_timeout(time),
    };
    let late =
        || Error::new(ErrorKind::HostUnreachable, format!("it takes too long to look up `{name}` and to connect"));
    let counted = Counted::new().ok_or_else(late)?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let client = client.clone();
    let look_up = move || {
        let _counted = counted;
        // Nobody waits any more, perhaps.
        let _ = sender.send(client.get_connection_with_timeout(time));
    };
    thread::Builder::new().name("pytheus-connect".to_owned()).spawn(look_up)?;
    receiver.recv_timeout(left(deadline)?).map_err(|_| late())?
}

/// One of the threads.
struct Counted;

impl Counted {
    fn new() -> Option<Self> {
        let mut threads = lock(&THREADS);
        let (of, count) = *threads;
        let count = if of == process::id() { count } else { 0 };
        (count < MOST).then(|| {
            *threads = (process::id(), count + 1);
            Self
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        lock(&THREADS).1 -= 1;
    }
}
