//! Where a server listens, and the errors of addresses.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use pytheus::serve::{Serve, ServeError, Server};

use crate::requests::{address, get, small_registry};

fn on_socket(path: &Path) -> Result<Server, ServeError> {
    Serve::on(format!("unix:{}", path.display())).registry(small_registry().0).start()
}

fn get_by_socket(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn a_port_alone_is_reached_from_this_machine_only() {
    let metrics = pytheus::serve("0").unwrap();
    assert_eq!(address(&metrics).ip(), Ipv4Addr::LOCALHOST);
    assert!(TcpStream::connect(address(&metrics)).is_ok());
    // The whole network 127.0.0.0/8 is of this machine, and stands for another interface here.
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], address(&metrics).port()));
    assert!(TcpStream::connect(elsewhere).is_err());
    let all = pytheus::serve("0.0.0.0:0").unwrap();
    assert!(TcpStream::connect(SocketAddr::from(([127, 0, 0, 2], address(&all).port()))).is_ok());
    let number = pytheus::serve(0).unwrap();
    assert_eq!(address(&number).ip(), Ipv4Addr::LOCALHOST);
    let given = pytheus::serve(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
    assert!(given.is_ok_and(|given| address(&given).is_ipv6()) || fs::metadata("/proc/net/if_inet6").is_err());
}

#[test]
fn an_address_in_use_is_an_error_that_names_it_and_the_server_there_goes_on() {
    let metrics = pytheus::serve("127.0.0.1:0").unwrap();
    let taken = address(&metrics).to_string();
    let error = pytheus::serve(&taken).unwrap_err();
    assert!(matches!(&error, ServeError::InUse { address, .. } if *address == taken), "{error:?}");
    assert!(error.to_string().contains("take another port"), "{error}");
    get(&metrics, "/metrics").assert_has("HTTP/1.1 200 OK");
    metrics.shutdown();
    // The port is free at once.
    pytheus::serve(&taken).unwrap().shutdown();
}

#[test]
fn an_address_that_can_t_be_had_is_an_error_that_says_what_would_be_right() {
    // A network of documentation, which no machine has.
    let error = pytheus::serve("192.0.2.1:9464").unwrap_err().to_string();
    assert!(error.contains("`192.0.2.1:9464`") && error.contains("`0.0.0.0` stands for all"), "{error}");
    let error = Serve::on("127.0.0.1:0").path("metrics").start().unwrap_err().to_string();
    assert!(error.contains("write a path such as `/metrics`"), "{error}");
    let error = pytheus::serve("unix:/nowhere/metrics.sock").unwrap_err().to_string();
    assert!(error.contains("the directory of a socket has to be there"), "{error}");
}

#[test]
fn a_unix_socket_serves_and_is_gone_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let metrics = on_socket(&path).unwrap();
    assert_eq!(metrics.url(), format!("unix:{}", path.display()));
    assert_eq!(metrics.local_addr(), None);
    let reply = get_by_socket(&path);
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\nvisits_total 0\n"), "{reply}");
    metrics.shutdown();
    assert!(!path.exists());
}

#[test]
fn a_socket_left_by_a_killed_process_is_taken_over_and_no_other_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    // Its file stays, and nobody listens.
    drop(UnixListener::bind(&path).unwrap());
    let metrics = on_socket(&path).unwrap();
    assert!(get_by_socket(&path).starts_with("HTTP/1.1 200 OK\r\n"));
    // This one is listened on.
    assert!(matches!(on_socket(&path), Err(ServeError::InUse { .. })));
    assert!(get_by_socket(&path).starts_with("HTTP/1.1 200 OK\r\n"));
    // Another process has the path meanwhile.
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    metrics.shutdown();
    assert!(path.exists());
    drop(other);

    let file = folder.path().join("important.txt");
    fs::write(&file, "text").unwrap();
    assert!(matches!(on_socket(&file), Err(ServeError::InUse { .. })));
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
}
