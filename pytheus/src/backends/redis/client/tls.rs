//! TLS over a socket.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use redis::{ClientTlsConfig, RedisError, TlsCertificates};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::backends::redis::client::timed_socket::TimedSocket;
use crate::backends::redis::config::redis_config::RedisConfig;

pub(crate) type TlsStream = StreamOwned<ClientConnection, TimedSocket<TcpStream>>;

/// Puts TLS on a socket. The handshake comes with the first write.
pub(crate) fn open(config: &RedisConfig, host: &str, socket: TimedSocket<TcpStream>) -> Result<TlsStream, RedisError> {
    let name = ServerName::try_from(host).map_err(io::Error::other)?.to_owned();
    let connection = ClientConnection::new(Arc::new(tls_config(config.certificates.as_ref())?), name);
    Ok(StreamOwned::new(connection.map_err(io::Error::other)?, socket))
}

/// Configures the authorities to trust, and the certificate of this process.
fn tls_config(certificates: Option<&TlsCertificates>) -> io::Result<ClientConfig> {
    let roots = match certificates.and_then(|certificates| certificates.root_cert.as_ref()) {
        Some(authorities) => configured_roots(authorities)?,
        None => system_roots()?,
    };
    let config = ClientConfig::builder().with_root_certificates(roots);
    let Some(ClientTlsConfig { client_cert, client_key }) = certificates.and_then(|all| all.client_tls.as_ref()) else {
        return Ok(config.with_no_client_auth());
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(client_cert).collect();
    let chain = chain.map_err(|error| unusable("tls_cert", &error))?;
    let key = PrivateKeyDer::from_pem_slice(client_key).map_err(|error| unusable("tls_key", &error))?;
    config.with_client_auth_cert(chain, key).map_err(|error| unusable("tls_cert", &error))
}

/// Reads the authorities of a file in PEM format.
fn configured_roots(authorities: &[u8]) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities) {
        let authority = authority.map_err(|error| unusable("tls_ca", &error))?;
        roots.add(authority).map_err(|error| unusable("tls_ca", &error))?;
    }
    Ok(roots)
}

/// Loads the authorities of the system.
fn system_roots() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let mut found = rustls_native_certs::load_native_certs();
    if let Some(error) = found.errors.pop() {
        return Err(io::Error::other(format!("the certificates of this system can't be read: {error}")));
    }
    for authority in found.certs {
        roots.add(authority).map_err(io::Error::other)?;
    }
    Ok(roots)
}

fn unusable(key: &str, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("`{key}` can't be used: {error}"))
}
