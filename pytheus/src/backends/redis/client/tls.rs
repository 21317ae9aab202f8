//! TLS over a socket.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use redis::{ClientTlsConfig, RedisError, TlsCertificates};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::backends::redis::client::socket::Patient;
use crate::backends::redis::config::Settings;

/// A socket through which nobody else can read.
pub(crate) type Stream = StreamOwned<ClientConnection, Patient<TcpStream>>;

/// Puts TLS on a socket. The handshake follows when something is sent.
pub(crate) fn open(settings: &Settings, host: &str, socket: Patient<TcpStream>) -> Result<Stream, RedisError> {
    let name = ServerName::try_from(host).map_err(io::Error::other)?.to_owned();
    let connection = ClientConnection::new(Arc::new(config(settings.certificates.as_ref())?), name);
    Ok(StreamOwned::new(connection.map_err(io::Error::other)?, socket))
}

/// The authorities to trust, and the certificate of this process.
fn config(certificates: Option<&TlsCertificates>) -> io::Result<ClientConfig> {
    let trusted = match certificates.and_then(|certificates| certificates.root_cert.as_ref()) {
        Some(authorities) => trusted(authorities)?,
        None => trusted_here()?,
    };
    let config = ClientConfig::builder().with_root_certificates(trusted);
    let Some(ClientTlsConfig { client_cert, client_key }) = certificates.and_then(|all| all.client_tls.as_ref()) else {
        return Ok(config.with_no_client_auth());
    };
    let wrong = |key: &str, error: &dyn std::fmt::Display| io::Error::other(format!("`{key}` can't be used: {error}"));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(client_cert).collect();
    let chain = chain.map_err(|error| wrong("tls_cert", &error))?;
    let key = PrivateKeyDer::from_pem_slice(client_key).map_err(|error| wrong("tls_key", &error))?;
    config.with_client_auth_cert(chain, key).map_err(|error| wrong("tls_cert", &error))
}

/// The authorities of a file in PEM format.
fn trusted(authorities: &[u8]) -> io::Result<RootCertStore> {
    let mut trusted = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities) {
        let authority = authority.map_err(|error| io::Error::other(format!("`tls_ca` can't be used: {error}")))?;
        trusted.add(authority).map_err(|error| io::Error::other(format!("`tls_ca` can't be used: {error}")))?;
    }
    Ok(trusted)
}

/// The authorities that this system trusts.
fn trusted_here() -> io::Result<RootCertStore> {
    let mut trusted = RootCertStore::empty();
    let mut found = rustls_native_certs::load_native_certs();
    if let Some(error) = found.errors.pop() {
        return Err(io::Error::other(format!("the certificates of this system can't be read: {error}")));
    }
    for authority in found.certs {
        trusted.add(authority).map_err(io::Error::other)?;
    }
    Ok(trusted)
}
