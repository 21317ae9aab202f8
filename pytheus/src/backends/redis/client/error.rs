//! Faults of requests: the cause, and advice for the operator.

use std::error::Error;
use std::fmt;

use redis::{ErrorKind, RedisError};

/// A request to Redis that failed: the server's address, its error, and what to do. Never shows a secret.
#[derive(Debug, Clone)]
pub struct RedisFault {
    display_addr: String,
    kind: FaultKind,
    what: String,
    is_redirect: bool,
}

/// The kind of a fault: the label `kind` of `pytheus_redis_errors_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultKind {
    /// No connection, or a broken one.
    Connection,
    /// No reply in time.
    Timeout,
    /// A temporary state: the server loads its data, runs a long script, or moves slots.
    Busy,
    /// No memory, or too many clients.
    Full,
    /// No writes are accepted.
    ReadOnly,
    /// Wrong or missing user, password or permission.
    Denied,
    /// A key of another type.
    WrongType,
    /// A field with an unreadable value.
    BadField,
    /// A namespace with another schema.
    Schema,
    /// Replies that are not Redis'.
    Protocol,
    Other,
}

impl FaultKind {
    /// Returns its label value, and advice for the operator.
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::Connection => ("connection", "is it running there, and reachable?"),
            Self::Timeout => ("timeout", "is it overloaded, or stopped?"),
            Self::Busy => ("busy", "it is tried again"),
            Self::Full => ("full", "raise its `maxmemory` or `maxclients`, or make room; nothing is lost meanwhile"),
            Self::ReadOnly => {
                ("read_only", "it takes no writes: is it a replica, or its disk full? Nothing is lost meanwhile")
            }
            Self::Denied => {
                ("denied", "check `username` and `password`, and what the user may do (see the docs for the commands)")
            }
            Self::WrongType => ("keys", "remove that key, or choose another `key_prefix`"),
            Self::BadField => (
                "keys",
                "another program has written there: correct or remove it (`HSET`, `HDEL`), or choose another \
                 `key_prefix`; until then scrapes fail, as a smaller total would show",
            ),
            Self::Schema => ("layout", "give all its processes the same `partitions`, or choose another `key_prefix`"),
            Self::Protocol => ("protocol", "is there a Redis on that port, and does it want TLS?"),
            Self::Other => ("other", "it is tried again"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.describe().0
    }
}

impl RedisFault {
    pub(crate) fn new(display_addr: &str, kind: FaultKind, what: impl Into<String>) -> Self {
        Self { display_addr: display_addr.to_owned(), kind, what: what.into(), is_redirect: false }
    }

    pub(crate) fn of(display_addr: &str, error: &RedisError) -> Self {
        let is_redirect = error.redirect_node().is_some();
        let mut what = match error.kind() {
            _ if error.is_timeout() => "no answer in time".to_owned(),
            ErrorKind::Parse => "no answer that a Redis would give".to_owned(),
            _ => error.to_string(),
        };
        // Servers quote the arguments of unknown commands, which may be a password, and the place in a script.
        for end in [", with args beginning with", " script: "] {
            what.truncate(what.find(end).unwrap_or(what.len()));
        }
        Self { is_redirect, ..Self::new(display_addr, kind_of(error), what) }
    }

    pub(crate) fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Returns whether another node of the cluster has the partition.
    pub(crate) fn is_redirect(&self) -> bool {
        self.is_redirect
    }

    /// Returns whether the server may have run the request all the same.
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        matches!(self.kind, FaultKind::Connection | FaultKind::Timeout | FaultKind::Protocol)
    }

    /// Returns whether the fault persists until an operator acts, as far as is known.
    pub(crate) fn is_permanent(&self) -> bool {
        !matches!(self.kind, FaultKind::Connection | FaultKind::Timeout | FaultKind::Busy)
    }
}

fn kind_of(error: &RedisError) -> FaultKind {
    if error.is_timeout() {
        return FaultKind::Timeout;
    }
    let code = error.code().unwrap_or_default();
    let says = |text: &str| error.to_string().contains(text);
    match (error.kind(), code) {
        (_, "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "MOVED" | "ASK") => FaultKind::Busy,
        (_, "OOM") => FaultKind::Full,
        (_, "READONLY" | "MISCONF" | "NOREPLICAS") => FaultKind::ReadOnly,
        (_, "NOAUTH" | "WRONGPASS" | "NOPERM") | (ErrorKind::AuthenticationFailed, _) => FaultKind::Denied,
        (_, "WRONGTYPE" | "CROSSSLOT") => FaultKind::WrongType,
        // The last: a password that was set after the connection.
        (_, "ERR") if says("unknown command") || says("AUTH") || says("unauthenticated") => FaultKind::Denied,
        // From `SELECT` in a handshake, and from within a script.
        _ if says("has no permissions") || says("can't run this command") => FaultKind::Denied,
        (_, "ERR") if says("max number of clients") => FaultKind::Full,
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => FaultKind::Protocol,
        (ErrorKind::Io | ErrorKind::ClusterConnectionNotFound, _) => FaultKind::Connection,
        _ if error.is_connection_dropped() || error.is_connection_refusal() => FaultKind::Connection,
        _ => FaultKind::Other,
    }
}

impl fmt::Display for RedisFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}: {}: {}", self.display_addr, self.what, self.kind.describe().1)
    }
}

impl Error for RedisFault {}
