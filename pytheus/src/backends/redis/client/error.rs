//! What can be wrong with a server, and what to do about it.

use std::error::Error;
use std::fmt;

use redis::{ErrorKind, RedisError};

/// Why Redis did not do what it was asked to: where it is, what it said, what to do. Never shows a secret.
#[derive(Debug, Clone)]
pub struct RedisFault {
    place: String,
    sort: Sort,
    what: String,
    is_moved: bool,
}

/// What sort of fault it is: the label `kind` of the errors that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// No connection, or one that broke.
    Connection,
    /// No answer in time.
    Timeout,
    /// For a moment: it loads its data, runs a long script, or moves slots.
    Busy,
    /// No memory, or no room for one more client.
    Full,
    /// It takes no writes.
    ReadOnly,
    /// Wrong or missing user, password or permission.
    Denied,
    /// A key holds something else.
    Keys,
    /// A field of a key does.
    Fields,
    /// The namespace is laid out in another way.
    Layout,
    /// It does not speak as Redis does.
    Protocol,
    Other,
}

impl Sort {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Denied => "denied",
            Self::Keys | Self::Fields => "keys",
            Self::Layout => "layout",
            Self::Protocol => "protocol",
            Self::Other => "other",
        }
    }

    /// What to do, where waiting is not enough.
    fn advice(self) -> &'static str {
        match self {
            Self::Connection => "is it running there, and reachable?",
            Self::Timeout => "is it overloaded, or stopped?",
            Self::Full => "raise its `maxmemory` or `maxclients`, or make room; nothing is lost meanwhile",
            Self::ReadOnly => "it takes no writes: is it a replica, or its disk full? Nothing is lost meanwhile",
            Self::Denied => "check `username` and `password`, and what the user may do (see the docs for the commands)",
            Self::Keys => "remove that key, or choose another `key_prefix`",
            Self::Fields => {
                "something else has written there: set it right or remove it (`HSET`, `HDEL`), or choose another \
                 `key_prefix`; until then scrapes fail, as a smaller total would show"
            }
            Self::Layout => "give all its processes the same `shards`, or choose another `key_prefix`",
            Self::Protocol => "is there a Redis on that port, and does it want TLS?",
            Self::Busy | Self::Other => "it is tried again",
        }
    }
}

impl RedisFault {
    pub(crate) fn new(place: &str, sort: Sort, what: impl Into<String>) -> Self {
        Self { place: place.to_owned(), sort, what: what.into(), is_moved: false }
    }

    pub(crate) fn of(place: &str, error: &RedisError) -> Self {
        let is_moved = error.redirect_node().is_some();
        let mut what = match error.kind() {
            _ if error.is_timeout() => "no answer in time".to_owned(),
            ErrorKind::Parse => "no answer that a Redis would give".to_owned(),
            _ => error.to_string(),
        };
        // The arguments of a command that it does not know, which may be the one with the password; and where a script was.
        for end in [", with args beginning with", " script: "] {
            what.truncate(what.find(end).unwrap_or(what.len()));
        }
        Self { is_moved, ..Self::new(place, sort_of(error), what) }
    }

    /// Has another node of a cluster what was asked for?
    pub(crate) fn is_moved(&self) -> bool {
        self.is_moved
    }

    /// May it have been done all the same?
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.sort, Sort::Connection | Sort::Timeout | Sort::Protocol)
    }

    /// Does it need somebody to do something about it, as far as is known?
    pub(crate) fn lasts(&self) -> bool {
        !matches!(self.sort, Sort::Connection | Sort::Timeout | Sort::Busy)
    }

    pub(crate) fn is_timeout(&self) -> bool {
        self.sort == Sort::Timeout
    }

    pub(crate) fn sort(&self) -> Sort {
        self.sort
    }
}

fn sort_of(error: &RedisError) -> Sort {
    if error.is_timeout() {
        return Sort::Timeout;
    }
    let code = error.code().unwrap_or_default();
    match (error.kind(), code) {
        (_, "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "MOVED" | "ASK") => Sort::Busy,
        (_, "OOM") => Sort::Full,
        (_, "READONLY" | "MISCONF" | "NOREPLICAS") => Sort::ReadOnly,
        (_, "NOAUTH" | "WRONGPASS" | "NOPERM") | (ErrorKind::AuthenticationFailed, _) => Sort::Denied,
        (_, "WRONGTYPE" | "CROSSSLOT") => Sort::Keys,
        (_, "ERR") if error.to_string().contains("unknown command") => Sort::Denied,
        (_, "ERR") if error.to_string().contains("AUTH") => Sort::Denied,
        // Of a server that wants a password since it was asked last.
        (_, "ERR") if error.to_string().contains("unauthenticated") => Sort::Denied,
        // Said while connecting, as of `SELECT`.
        _ if error.to_string().contains("has no permissions") => Sort::Denied,
        // Within a script.
        _ if error.to_string().contains("can't run this command") => Sort::Denied,
        (_, "ERR") if error.to_string().contains("max number of clients") => Sort::Full,
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => Sort::Protocol,
        (ErrorKind::Io | ErrorKind::ClusterConnectionNotFound, _) => Sort::Connection,
        _ if error.is_connection_dropped() || error.is_connection_refusal() => Sort::Connection,
        _ => Sort::Other,
    }
}

impl fmt::Display for RedisFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}: {}: {}", self.place, self.what, self.sort.advice())
    }
}

impl Error for RedisFault {}
