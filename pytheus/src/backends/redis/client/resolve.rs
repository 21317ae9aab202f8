//! Name resolution by a deadline.
//!
//! `getaddrinfo` has no timeout, and takes half a minute while a name server is away. A thread of its own calls it, and is
//! abandoned at the deadline. The threads per name are limited, so a name server that never answers can't pile them up.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use redis::RedisError;

use crate::backends::redis::client::timed_socket::{retry_interrupted, time_left};
use crate::storage;
use crate::sync::lock;

/// Threads per name. No program connects more often at a time while the name resolves.
const MAX_THREADS: usize = 8;

/// The name of each running thread, and the number of forks so far: threads from before a fork are the parent's.
static THREADS: Mutex<(usize, Vec<Arc<str>>)> = Mutex::new((0, Vec::new()));

/// Resolves a name, or parses an address.
pub(crate) fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, RedisError> {
    let time = time_left(deadline)?;
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name: Arc<str> = host.into();
    let error =
        |what: &str| Error::new(ErrorKind::HostUnreachable, format!("{what} to look up `{name}` and to connect"));
    let permit = ResolverPermit::for_name(&name).ok_or_else(|| error("it takes too long"))?;
    let (sender, receiver) = mpsc::sync_channel(1);
    let thread_name = Arc::clone(&name);
    let look_up = move || {
        let _permit = permit;
        let found = retry_interrupted(time, |_| (&*thread_name, port).to_socket_addrs());
        // The receiver may be gone.
        let _ = sender.send(found.map(Vec::from_iter));
    };
    thread::Builder::new().name("pytheus-connect".to_owned()).spawn(look_up)?;
    let found = receiver.recv_timeout(time_left(deadline)?).map_err(|missing| match missing {
        RecvTimeoutError::Timeout => error("it takes too long"),
        RecvTimeoutError::Disconnected => error("a thread has panicked that was"),
    })?;
    Ok(found?)
}

/// The permit of one thread, given back when it ends.
struct ResolverPermit(Arc<str>);

impl ResolverPermit {
    fn for_name(name: &Arc<str>) -> Option<Self> {
        let (forks, names) = &mut *lock(&THREADS);
        if *forks != storage::fork_generation() {
            (*forks, *names) = (storage::fork_generation(), Vec::new());
        }
        let has_room = names.iter().filter(|known| *known == name).count() < MAX_THREADS;
        has_room.then(|| {
            names.push(Arc::clone(name));
            Self(Arc::clone(name))
        })
    }
}

impl Drop for ResolverPermit {
    fn drop(&mut self) {
        let (_, names) = &mut *lock(&THREADS);
        if let Some(index) = names.iter().position(|known| *known == self.0) {
            names.swap_remove(index);
        }
    }
}
