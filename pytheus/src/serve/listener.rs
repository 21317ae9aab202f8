//! Addresses, and the sockets on them.

use std::io;
use std::net::{self, SocketAddr};
#[cfg(unix)]
use std::os::unix::net as unix;
#[cfg(unix)]
use std::path::Path;

use super::error::ServeError;
#[cfg(unix)]
use super::socket_file::SocketFile;
#[cfg(unix)]
use crate::sync::ClosedInChild;

/// A bound socket, not yet in a runtime.
#[derive(Debug)]
pub(super) struct Bound {
    listener: BoundListener,
    /// The address as it was given.
    pub(super) address: String,
    /// The address of a TCP socket, with the port that the system chose.
    pub(super) local_addr: Option<SocketAddr>,
}

#[derive(Debug)]
enum BoundListener {
    Tcp(net::TcpListener),
    #[cfg(unix)]
    Unix(unix::UnixListener, SocketFile),
}

impl Bound {
    /// Binds `host:port`, a port of the loopback interface, or `unix:` and a path.
    pub(super) fn to(address: &str) -> Result<Self, ServeError> {
        let malformed = |reason| ServeError::Address { address: address.to_owned(), reason };
        let refused = |error| ServeError::of_bind(address, error);
        let address = address.to_owned();
        if let Some(path) = address.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(malformed("the path of the socket is missing, as in `unix:/run/shop/metrics.sock`"));
            }
            #[cfg(unix)]
            {
                let (listener, file) = bind_unix(Path::new(path)).map_err(refused)?;
                return Ok(Self { listener: BoundListener::Unix(listener, file), address, local_addr: None });
            }
            #[cfg(not(unix))]
            return Err(malformed("sockets with a path are there on Unix only; give a port, as in `9464`"));
        }
        let host_and_port = host_and_port(&address).map_err(malformed)?;
        let listener = net::TcpListener::bind(host_and_port).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let local_addr = Some(listener.local_addr().map_err(refused)?);
        Ok(Self { listener: BoundListener::Tcp(listener), address, local_addr })
    }
}

/// Completes an address of TCP, or says what it lacks.
fn host_and_port(address: &str) -> Result<String, &'static str> {
    const FORM: &str = "give host and port, as in `127.0.0.1:9464` or `[::1]:9464`, or the port alone, for loopback";
    if address.contains('/') {
        return Err("give host and port without a scheme or a path, as in `127.0.0.1:9464`");
    }
    let (host, port) = match address.rsplit_once(':') {
        Some(("", _)) => return Err("give the port alone for loopback, or `0.0.0.0` as the host for all interfaces"),
        Some((host, port)) => (host, port),
        None => ("127.0.0.1", address),
    };
    if port.parse::<u16>().is_err() || host.contains(':') && !host.ends_with(']') {
        return Err(FORM);
    }
    Ok(format!("{host}:{port}"))
}

/// Binds a socket with a path, also where a killed process left one.
#[cfg(unix)]
fn bind_unix(path: &Path) -> io::Result<(unix::UnixListener, SocketFile)> {
    let listener = match unix::UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && SocketFile::is_left_over(path) => {
            std::fs::remove_file(path)?;
            unix::UnixListener::bind(path)
        }
        bound => bound,
    }?;
    let file = SocketFile::of(path)?;
    listener.set_nonblocking(true)?;
    Ok((listener, file))
}

/// The owner of a socket in a runtime. A forked child that kept the socket open would keep the port after the end of its
/// parent.
#[cfg(unix)]
type Owner<T> = ClosedInChild<T>;
#[cfg(not(unix))]
type Owner<T> = T;

/// A socket in a runtime.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(Owner<tokio::net::TcpListener>),
    #[cfg(unix)]
    Unix {
        listener: Owner<tokio::net::UnixListener>,
        #[expect(dead_code, reason = "held until the socket is closed")]
        file: SocketFile,
    },
}

/// A connection of a client.
#[derive(Debug)]
pub(super) enum Client {
    Tcp(tokio::net::TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

impl Listener {
    /// Gives a socket to the runtime that this is called in.
    pub(super) fn new(bound: Bound) -> io::Result<Self> {
        Ok(match bound.listener {
            BoundListener::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                #[cfg(unix)]
                let listener = Owner::new(listener)?;
                Self::Tcp(listener)
            }
            #[cfg(unix)]
            BoundListener::Unix(listener, file) => {
                Self::Unix { listener: Owner::new(tokio::net::UnixListener::from_std(listener)?)?, file }
            }
        })
    }

    pub(super) async fn accept(&self) -> io::Result<Client> {
        match self {
            Self::Tcp(listener) => Ok(Client::Tcp(listener.accept().await?.0)),
            #[cfg(unix)]
            Self::Unix { listener, .. } => Ok(Client::Unix(listener.accept().await?.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_the_loopback_interface() {
        assert_eq!(host_and_port("9464"), Ok("127.0.0.1:9464".to_owned()));
        for whole in ["127.0.0.1:9464", "0.0.0.0:0", "[::1]:9464", "localhost:9464"] {
            assert_eq!(host_and_port(whole), Ok(whole.to_owned()));
        }
    }

    #[test]
    fn an_address_without_its_parts_is_refused_with_what_is_right() {
        for (address, right) in [
            ("", "`127.0.0.1:9464`"),
            ("localhost", "the port alone"),
            ("127.0.0.1:", "`127.0.0.1:9464`"),
            ("127.0.0.1:70000", "`127.0.0.1:9464`"),
            ("::1:9464", "`[::1]:9464`"),
            (":9464", "`0.0.0.0`"),
            ("http://127.0.0.1:9464", "without a scheme"),
            ("unix:", "`unix:/run/shop/metrics.sock`"),
        ] {
            let said = Bound::to(address).unwrap_err().to_string();
            assert!(said.contains(right), "{said}");
        }
    }
}
