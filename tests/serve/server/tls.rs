//! TLS, with clients that are not ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use pytheus::serve::{Serve, ServeError};

use crate::requests::{address, small_registry};

/// Has `openssl` make a certificate for 127.0.0.1, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new(support::program("openssl", "openssl"))
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=shop", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

#[test]
fn a_client_that_trusts_the_certificate_reads_the_metrics_through_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let (registry, _counter, text) = small_registry();
    let options = Serve::on("127.0.0.1:0").registry(registry).basic_auth("ada", "lovelace");
    let metrics = options.tls(&certificate, &key).start().unwrap();
    assert_eq!(metrics.url(), format!("https://{}/metrics", address(&metrics)));
    let curl = |arguments: &[&str]| {
        let mut curl = Command::new(support::program("curl", "curl"));
        curl.args(["--silent", "--show-error", "--fail-with-body", "--cacert"]).arg(&certificate);
        curl.args(arguments).arg(metrics.url()).output().unwrap()
    };
    for version in ["--tlsv1.3", "--tls-max=1.2"] {
        let version: Vec<_> = version.split('=').chain(["--user", "ada:lovelace"]).collect();
        let read = curl(&version);
        assert_eq!(String::from_utf8_lossy(&read.stdout), text, "{}", String::from_utf8_lossy(&read.stderr));
    }
    assert_eq!(curl(&[]).stdout, b"the metrics need a password or a token\n");
    // Without TLS there is no answer.
    let plain = support::get(&metrics.url().replace("https", "http"));
    assert!(plain.is_err(), "{plain:?}");
    // Clients that stop in the middle of a handshake do not keep others waiting.
    let silent: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(address(&metrics)).unwrap()).collect();
    assert_eq!(String::from_utf8_lossy(&curl(&["--user", "ada:lovelace"]).stdout), text);
    drop(silent);
}

#[test]
fn a_file_that_is_no_certificate_or_key_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let (_, other_key) = self::certificate(&other);
    let error = |certificate: &Path, key: &Path| match Serve::on("0").tls(certificate, key).start().unwrap_err() {
        ServeError::Certificate { path, reason } => (path, reason),
        error => panic!("{error}"),
    };
    let missing = folder.path().join("missing.pem");
    for (certificate, key, named, says) in [
        (&missing, &key, &missing, "can't be read: No such file"),
        (&certificate, &missing, &missing, "can't be read: No such file"),
        (&key, &key, &key, "has no certificate in PEM format"),
        (&certificate, &certificate, &certificate, "has no private key in PEM format"),
        (&certificate, &other_key, &other_key, "is no key for that certificate"),
    ] {
        let (path, reason) = error(certificate, key);
        assert_eq!(&path, named);
        assert!(reason.contains(says), "{reason}");
    }
}
