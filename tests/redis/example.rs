//! The example `redis` prints the output in its docs with a real server, and an error without one.
#![cfg(unix)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output, Stdio};

use servers::server::Server;
use socket2::{Domain, Socket, Type};
use support::example;

const SOURCE: &str = include_str!("../../examples/redis.rs");

/// Runs the example to its end.
fn run(port: u16) -> Output {
    let mut program = Command::new(example::program_with("redis", "redis"));
    program.env("REDIS_URL", format!("redis://127.0.0.1:{port}")).stdin(Stdio::null());
    program.output().expect("it starts")
}

/// Returns the output in its docs.
fn said() -> Vec<&'static str> {
    let comment = SOURCE.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    comment.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```").collect()
}

#[test]
fn the_example_prints_the_output_in_its_docs() {
    let server = Server::start();
    let output = run(server.port());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    let (printed, said): (Vec<_>, _) = (printed.lines().collect(), said());
    assert_eq!(printed.len(), said.len(), "{printed:#?}");
    for (line, said) in printed.into_iter().zip(said) {
        // Times differ with each run.
        let name = said.rsplit_once(' ').map_or(said, |(name, _)| name);
        let is_time = said.ends_with(" ..") || name.contains("_bucket{") && !name.contains("+Inf");
        assert!(line == said || is_time && line.starts_with(name), "`{line}`, where `{said}` was said");
    }
}

#[test]
fn without_a_server_the_example_names_its_address() {
    // A port in use, without a listener.
    let taken = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    taken.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    let port = taken.local_addr().ok().and_then(|address| address.as_socket()).expect("an address").port();
    let output = run(port);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(&format!("Redis at 127.0.0.1:{port}: ")), "{error}");
    assert!(error.contains("is it running there"), "{error}");
}
