//! Looking a name up by a deadline.
//!
//! The system looks a name up for as long as it likes, half a minute where its name server is away, and nothing can stop it.
//! So a thread of its own does that, and is left to itself when it takes too long. There are few of them at a time for each
//! name: a system that never answers gets no more, and what another one waits for is not held up.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use redis::RedisError;

use crate::backends::redis::client::protocol::left;
use crate::backends::redis::client::socket::again;
use crate::storage;
use crate::sync::lock;

/// Threads that look up one name: more than ever connect at a time while it is found.
const MOST: usize = 8;

/// The name that each of them looks up. Those that were there before a fork are the parent's.
static THREADS: Mutex<(usize, Vec<Arc<str>>)> = Mutex::new((0, Vec::new()));

/// Where a server is that has this name or address.
pub(crate) fn addresses(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, RedisError> {
    let time = left(deadline)?;
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name: Arc<str> = host.into();
    let error =
        |what: &str| Error::new(ErrorKind::HostUnreachable, format!("{what} to look up `{name}` and to connect"));
    let permit = Permit::for_name(&name).ok_or_else(|| error("it takes too long"))?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let meant = Arc::clone(&name);
    let look_up = move || {
        let _permit = permit;
        let found = again(time, |_| (&*meant, port).to_socket_addrs());
        // Nobody waits any more, perhaps.
        let _ = sender.send(found.map(Vec::from_iter));
    };
    thread::Builder::new().name("pytheus-connect".to_owned()).spawn(look_up)?;
    let found = receiver.recv_timeout(left(deadline)?).map_err(|missing| match missing {
        RecvTimeoutError::Timeout => error("it takes too long"),
        RecvTimeoutError::Disconnected => error("a thread has panicked that was"),
    })?;
    Ok(found?)
}

/// One of the threads.
struct Permit(Arc<str>);

impl Permit {
    fn for_name(name: &Arc<str>) -> Option<Self> {
        let (forks, names) = &mut *lock(&THREADS);
        if *forks != storage::fork_generation() {
            (*forks, *names) = (storage::fork_generation(), Vec::new());
        }
        let is_free = names.iter().filter(|known| *known == name).count() < MOST;
        is_free.then(|| {
            names.push(Arc::clone(name));
            Self(Arc::clone(name))
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let (_, names) = &mut *lock(&THREADS);
        if let Some(place) = names.iter().position(|known| *known == self.0) {
            names.swap_remove(place);
        }
    }
}
