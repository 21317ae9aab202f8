//! The certificate of a server, and its key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::ServeError;

/// The files of a certificate and its key, in PEM format.
#[derive(Debug, Clone)]
pub(super) struct CertificateFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl CertificateFiles {
    /// Reads the files.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, ServeError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect);
        let chain = chain.map_err(|error| unreadable(&self.certificate, &error))?;
        if chain.is_empty() {
            return Err(unusable(
                &self.certificate,
                "has no certificate in PEM format (`-----BEGIN CERTIFICATE-----`)",
            ));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => {
                unusable(&self.key, "has no private key in PEM format (`-----BEGIN PRIVATE KEY-----`)")
            }
            error => unreadable(&self.key, &error),
        })?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| unusable(&self.key, format_args!("is no key for that certificate: {error}")))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn unreadable(path: &Path, error: &pem::Error) -> ServeError {
    match error {
        pem::Error::Io(error) => unusable(path, format_args!("can't be read: {error}")),
        error => unusable(path, format_args!("is not in PEM format: {error}")),
    }
}

fn unusable(path: &Path, reason: impl fmt::Display) -> ServeError {
    ServeError::Certificate { path: path.to_owned(), reason: reason.to_string() }
}
