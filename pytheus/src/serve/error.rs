//! Why metrics are not served.

use std::error::Error;
use std::fmt;
use std::io;
#[cfg(feature = "serve-tls")]
use std::path::PathBuf;

/// Why metrics are not served; the message says what would be right.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The address names no place to listen on.
    Address {
        /// The address as given.
        address: String,
        /// What is wrong, and what would be right.
        reason: &'static str,
    },
    /// Another program, or another server of this one, listens there.
    InUse {
        /// The address as given.
        address: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The system refuses the address.
    Bind {
        /// The address as given.
        address: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The path of the metrics does not begin with `/`, or is more than a path.
    Path {
        /// The path as given.
        path: String,
    },
    /// A password or token that no client can send, or that protects nothing.
    Credentials {
        /// What is wrong, without the secret.
        reason: &'static str,
    },
    /// A file of the TLS certificate or its key can't be used.
    #[cfg(feature = "serve-tls")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system refuses a thread, or what its runtime needs.
    Thread {
        /// The error of the system.
        source: io::Error,
    },
}

impl ServeError {
    pub(super) fn of_bind(address: &str, source: io::Error) -> Self {
        let address = address.to_owned();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address, source },
            _ => Self::Bind { address, source },
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { address, reason } => write!(f, "metrics can't be served on `{address}`: {reason}"),
            Self::InUse { address, source } => write!(
                f,
                "metrics can't be served on `{address}`: something listens there already ({source}); take another port, \
                 or port 0 for a free one"
            ),
            Self::Bind { address, source } => {
                write!(f, "metrics can't be served on `{address}`: {source}")?;
                f.write_str(match source.kind() {
                    io::ErrorKind::AddrNotAvailable => {
                        "; no interface of this machine has that address, and `0.0.0.0` stands for all"
                    }
                    io::ErrorKind::PermissionDenied => {
                        "; ports below 1024 are for privileged programs, and a socket needs a directory that can be \
                         written to"
                    }
                    io::ErrorKind::NotFound => "; the directory of a socket has to be there",
                    _ => "",
                })
            }
            Self::Path { path } => {
                write!(f, "metrics can't be served at the path `{path}`: write a path such as `/metrics`")
            }
            Self::Credentials { reason } => write!(f, "metrics can't be protected: {reason}"),
            #[cfg(feature = "serve-tls")]
            Self::Certificate { path, reason } => {
                write!(f, "metrics can't be served through TLS: `{}` {reason}", path.display())
            }
            Self::Thread { source } => write!(f, "metrics can't be served: the system refuses a thread: {source}"),
        }
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InUse { source, .. } | Self::Bind { source, .. } | Self::Thread { source } => Some(source),
            _ => None,
        }
    }
}
