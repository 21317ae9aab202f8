//! What is asked for over sockets, and answered.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use pytheus::exposition::PROMETHEUS_CONTENT_TYPE;
use pytheus::metric;
use pytheus::metrics::Counter;
use pytheus::registry::CollectorRegistry;
use pytheus::serve::{Serve, Server};
use support::raw_http::{RawReply, ask};

metric! {
    /// Jobs done.
    static JOBS: Counter = "jobs_total";
}

pub(crate) fn address(server: &Server) -> SocketAddr {
    server.local_addr().expect("a server on TCP")
}

pub(crate) fn get(server: &Server, path: &str) -> RawReply {
    ask(address(server), &[format!("GET {path} HTTP/1.1").as_bytes()])
}

/// A registry with one counter, and its scrape.
pub(crate) fn small_registry() -> (Arc<CollectorRegistry>, Counter, &'static str) {
    let registry = Arc::new(CollectorRegistry::new());
    let counter = Counter::builder("visits_total", "Visits.").registry(&*registry).build().unwrap();
    (registry, counter, "# HELP visits_total Visits.\n# TYPE visits_total counter\nvisits_total 0\n")
}

#[test]
fn one_line_serves_the_metrics_of_a_program_without_a_web_server() {
    let metrics = pytheus::serve("127.0.0.1:0").unwrap();
    JOBS.inc();
    assert_eq!(metrics.url(), format!("http://{}/metrics", address(&metrics)));
    let reply = get(&metrics, "/metrics");
    reply.assert_has("HTTP/1.1 200 OK");
    reply.assert_has(&format!("Content-Type: {PROMETHEUS_CONTENT_TYPE}"));
    reply.assert_has(&format!("Content-Length: {}", reply.body.len()));
    assert!(String::from_utf8_lossy(&reply.body).contains("\njobs_total 1\n"));
}

#[test]
fn a_server_starts_in_an_async_function_and_answers_while_the_runtime_is_busy() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (registry, _counter, text) = small_registry();
        let metrics = Serve::on("127.0.0.1:0").registry(registry).start().unwrap();
        // The only thread of the runtime waits here.
        assert_eq!(get(&metrics, "/metrics").body, text.as_bytes());
        assert!(Serve::on("nowhere").start().is_err());
        metrics.shutdown();
    });
}

#[test]
fn other_paths_are_answered_with_where_the_metrics_are() {
    let (registry, _counter, text) = small_registry();
    let metrics = Serve::on("127.0.0.1:0").path("/internal/metrics").registry(registry).start().unwrap();
    for path in ["/", "/metrics", "/internal/metrics/", "/internal"] {
        let reply = get(&metrics, path);
        reply.assert_has("HTTP/1.1 404 Not Found");
        assert_eq!(reply.body, b"the metrics are at /internal/metrics\n", "{path}");
    }
    assert_eq!(get(&metrics, "/internal/metrics").body, text.as_bytes());
    assert_eq!(get(&metrics, "/internal/metrics?name[]=visits_total").body, text.as_bytes());
    assert!(get(&metrics, "/internal/metrics?name[]=others_total").body.is_empty());
}

#[test]
fn head_and_other_methods_are_answered_as_by_the_endpoint() {
    let (registry, _counter, text) = small_registry();
    let metrics = Serve::on("127.0.0.1:0").registry(registry).start().unwrap();
    let head = ask(address(&metrics), &[b"HEAD /metrics HTTP/1.1"]);
    head.assert_has("HTTP/1.1 200 OK");
    head.assert_has(&format!("Content-Length: {}", text.len()));
    assert!(head.body.is_empty());
    // The body is announced, and never comes.
    let post = ask(address(&metrics), &[b"POST /metrics HTTP/1.1", b"Content-Length: 100000"]);
    post.assert_has("HTTP/1.1 405 Method Not Allowed");
    post.assert_has("Allow: GET, HEAD");
}

#[test]
fn requests_in_a_row_on_one_connection_are_all_answered() {
    const REQUESTS: usize = 200;
    let (registry, counter, _) = small_registry();
    counter.inc();
    let metrics = Serve::on("127.0.0.1:0").registry(registry).start().unwrap();
    let mut stream = std::net::TcpStream::connect(address(&metrics)).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: shop\r\n\r\n";
    stream.write_all(request.repeat(REQUESTS - 1).as_bytes()).unwrap();
    stream.write_all(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).unwrap();
    assert_eq!(replies.matches("HTTP/1.1 200 OK\r\n").count(), REQUESTS);
    assert_eq!(replies.matches("\nvisits_total 1\n").count(), REQUESTS);
}
