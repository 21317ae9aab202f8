//! A server for metrics alone: for programs without a web server, or with a port of its own for metrics.
//!
//! ```
//! let metrics = pytheus::serve("127.0.0.1:0")?;
//! println!("Scrape {}", metrics.url());
//! # Ok::<(), pytheus::serve::ServeError>(())
//! ```
//!
//! It speaks HTTP/1.1 on a thread of its own, in a program with any async runtime or none. [`Serve`] has the options:
//! another path or registry, passwords and tokens, TLS, limits. The guide's page [service](crate::guide::service) lists
//! the promises.

mod accept;
mod connection;
mod credentials;
mod error;
mod listener;
mod server;
#[cfg(unix)]
mod socket_file;
#[cfg(feature = "serve-tls")]
mod tls;
mod write_deadline;

use std::fmt;
#[cfg(feature = "serve-tls")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use error::ServeError;
pub use server::Server;

use accept::Acceptor;
use connection::Site;
use credentials::Credentials;
use listener::Bound;
#[cfg(feature = "serve-tls")]
use tls::CertificateFiles;

use crate::exposition::SharedRegistry;
use crate::http::endpoint_from;
use crate::registry::REGISTRY;

/// The time that a client has, by default. A connection outlives the scrape interval that most have, a minute.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(75);

/// The longest time that a client may be given: a day.
const MAX_CLIENT_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum number of connections, by default: half of the file descriptors that a process usually has.
const MAX_CONNECTIONS: usize = 512;

/// Serves the metrics of [`REGISTRY`] at `/metrics`, until the [`Server`] is dropped.
///
/// The address is `host:port`, a port alone, of the loopback interface, or `unix:` and the path of a socket. Port 0 takes
/// a free one. [`Serve`] has options.
///
/// ```
/// pytheus::metric! {
///     /// Jobs done.
///     static JOBS: Counter = "jobs_total";
/// }
///
/// let metrics = pytheus::serve("127.0.0.1:0")?;
/// JOBS.inc();
/// metrics.shutdown();
/// # Ok::<(), pytheus::serve::ServeError>(())
/// ```
///
/// # Errors
///
/// If the address is malformed, in use, or refused by the system.
pub fn serve(address: impl fmt::Display) -> Result<Server, ServeError> {
    Serve::on(address).start()
}

/// The options of a server for metrics.
///
/// ```
/// use pytheus::registry::CollectorRegistry;
/// use pytheus::serve::Serve;
///
/// static OPERATORS: CollectorRegistry = CollectorRegistry::new();
///
/// let metrics = Serve::on("127.0.0.1:0")
///     .path("/internal/metrics")
///     .registry(&OPERATORS)
///     .basic_auth("prometheus", "a long password")
///     .start()?;
/// # Ok::<(), pytheus::serve::ServeError>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is served before `start`"]
pub struct Serve {
    address: String,
    path: String,
    registry: SharedRegistry,
    credentials: Credentials,
    client_timeout: Duration,
    max_connections: usize,
    #[cfg(feature = "serve-tls")]
    tls: Option<CertificateFiles>,
}

impl Serve {
    /// Serves on an address, as [`serve`](fn@serve) has it.
    pub fn on(address: impl fmt::Display) -> Self {
        Self {
            address: address.to_string(),
            path: "/metrics".to_owned(),
            registry: SharedRegistry::from(&REGISTRY),
            credentials: Credentials::default(),
            client_timeout: CLIENT_TIMEOUT,
            max_connections: MAX_CONNECTIONS,
            #[cfg(feature = "serve-tls")]
            tls: None,
        }
    }

    /// Sets the path of the metrics, `/metrics` by default. Any other path is answered with the status 404, and where the
    /// metrics are.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Serves a registry of your own: a `static`, or in an `Arc`.
    pub fn registry(mut self, registry: impl Into<SharedRegistry>) -> Self {
        self.registry = registry.into();
        self
    }

    /// Admits clients with this user name and password. Further calls, and those of [`bearer`](Self::bearer), admit
    /// further clients; all others get the status 401.
    ///
    /// Secrets are compared in constant time. Without TLS, the network can read them.
    pub fn basic_auth(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        self.credentials.add_basic(user.as_ref(), password.as_ref());
        self
    }

    /// Admits clients with this token in `Authorization: Bearer`, as [`basic_auth`](Self::basic_auth) does.
    pub fn bearer(mut self, token: impl AsRef<str>) -> Self {
        self.credentials.add_bearer(token.as_ref());
        self
    }

    /// Serves through TLS, with the certificate chain and the private key of these files in PEM format.
    #[cfg(feature = "serve-tls")]
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls = Some(CertificateFiles { certificate: certificate.into(), key: key.into() });
        self
    }

    /// Sets the time that a client has to send a request, from the end of the one before it, and again to take the
    /// answer; 75 seconds by default. A slower client is disconnected.
    ///
    /// A time longer than the scrape interval saves a new connection for each scrape.
    pub fn client_timeout(mut self, timeout: Duration) -> Self {
        // No deadline is beyond the end of the clock.
        self.client_timeout = timeout.min(MAX_CLIENT_TIMEOUT);
        self
    }

    /// Sets the maximum number of connections at once, 512 by default. Further clients wait until one ends.
    pub fn max_connections(mut self, connections: usize) -> Self {
        // The most that a semaphore of tokio counts is far beyond.
        self.max_connections = connections.clamp(1, 1 << 20);
        self
    }

    /// Starts the server.
    ///
    /// # Errors
    ///
    /// If an option can't be used, or the system refuses the address.
    pub fn start(self) -> Result<Server, ServeError> {
        if !self.path.starts_with('/') || self.path.contains(['?', '#']) {
            return Err(ServeError::Path { path: self.path });
        }
        self.credentials.check()?;
        #[cfg(feature = "serve-tls")]
        let tls = self.tls.as_ref().map(CertificateFiles::acceptor).transpose()?;
        #[cfg(feature = "serve-tls")]
        let scheme = if tls.is_some() { "https" } else { "http" };
        #[cfg(not(feature = "serve-tls"))]
        let scheme = "http";
        let bound = Bound::to(&self.address)?;
        let site = Site {
            endpoint: endpoint_from(self.registry),
            path: self.path,
            credentials: self.credentials,
            client_timeout: self.client_timeout,
        };
        let acceptor = Acceptor {
            site: Arc::new(site),
            max_connections: self.max_connections,
            #[cfg(feature = "serve-tls")]
            tls,
        };
        Server::start(bound, acceptor, scheme)
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the secrets.
        f.debug_struct("Serve").field("address", &self.address).field("path", &self.path).finish_non_exhaustive()
    }
}
