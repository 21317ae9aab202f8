use std::path::Path;

use super::*;

/// Makes a certificate for 127.0.0.1, signed by an authority of its own: `ca.crt`, `server.crt`, `server.key`.
fn certify(folder: &Path) {
    let openssl = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        let output = openssl.args(arguments.split(' ')).current_dir(folder).output().expect("`openssl` is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("there is room");
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
    openssl("req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr");
    openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt");
}

#[test]
fn with_tls_counts_go_to_a_trusted_server_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    certify(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let secure = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let server = Server::start_with(&[
        "--save",
        "",
        "--tls-port",
        &secure.to_string(),
        "--tls-cert-file",
        &path("server.crt"),
        "--tls-key-file",
        &path("server.key"),
        "--tls-ca-cert-file",
        &path("ca.crt"),
    ]);
    // The server requires a certificate of its clients.
    let trusting = json!({
        "port": secure,
        "tls": true,
        "tls_ca": path("ca.crt"),
        "tls_cert": path("server.crt"),
        "tls_key": path("server.key"),
        "wait": true,
    });
    let mut one = server.process_with(&trusting);
    one.count("a_total", "x", 3);
    // Without TLS, the same server has the counts.
    server.process().shows(&[("a_total x", 3.0)]);

    let mut config = trusting.as_object().expect("an object").clone();
    config.retain(|key, _| key != "tls_ca");
    config.insert("timeout".to_owned(), json!(5));
    let refused = MultiProcessRedisBackend::configure(&mut Config::new(config).expect("an object"));
    let error = refused.expect_err("the authority is not trusted").to_string();
    assert!(error.contains("certificate"), "{error}");
}
