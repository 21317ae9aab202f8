//! Clients that are slow, idle, many, or send too much: none keeps a scraper waiting.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use pytheus::metrics::Counter;
use pytheus::registry::CollectorRegistry;
use pytheus::serve::{Serve, Server};

use crate::requests::{address, get, small_registry};

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: shop\r\n\r\n";

/// The time for a scrape on an idle machine is a second; this is a hang.
const HANG: Duration = Duration::from_secs(10);

fn connect(server: &Server, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address(server)).unwrap();
    stream.write_all(request).unwrap();
    stream.set_read_timeout(Some(support::TIMEOUT)).unwrap();
    stream
}

/// Scrapes some times; each has to come before a hang.
fn scrape_honestly(server: &Server) {
    for _scrape in 0..5 {
        let start = Instant::now();
        get(server, "/metrics").assert_has("HTTP/1.1 200 OK");
        assert!(start.elapsed() < HANG, "{:?}", start.elapsed());
    }
}

/// Waits until the server has hung up.
fn wait_for_end(mut stream: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("still connected: {error}"),
        _ => said,
    }
}

/// More than the buffers of a connection take.
fn large_registry() -> Arc<CollectorRegistry> {
    let registry = Arc::new(CollectorRegistry::new());
    let orders =
        Counter::builder("orders_total", "Orders.").label_names(["customer"]).registry(&*registry).build().unwrap();
    for number in 0..100_000 {
        orders
            .label("customer", format!("customer of a long list, number {number}"))
            .unwrap()
            .to_series()
            .unwrap()
            .inc();
    }
    registry
}

#[test]
fn two_hundred_slow_and_idle_clients_do_not_keep_a_scraper_waiting() {
    let metrics = Serve::on("127.0.0.1:0").registry(large_registry()).start().unwrap();
    let slow: Vec<_> = (0..200)
        .map(|number| match number % 4 {
            // Says nothing, sends half of a request, reads nothing of an answer, or asks again and again.
            0 => connect(&metrics, b""),
            1 => connect(&metrics, &REQUEST[..30]),
            2 => connect(&metrics, REQUEST),
            _ => connect(&metrics, &REQUEST.repeat(20)),
        })
        .collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // A byte a second, as long as it takes.
        scope.spawn(|| {
            let mut stream = connect(&metrics, b"");
            for byte in REQUEST.iter().take_while(|_| !is_over.load(SeqCst)) {
                stream.write_all(&[*byte]).unwrap();
                thread::sleep(Duration::from_secs(1));
            }
        });
        scrape_honestly(&metrics);
        is_over.store(true, SeqCst);
    });
    drop(slow);
}

#[test]
fn two_hundred_clients_at_once_are_all_answered() {
    let (registry, counter, _) = small_registry();
    counter.inc();
    let metrics = Serve::on("127.0.0.1:0").registry(registry).start().unwrap();
    thread::scope(|scope| {
        for _client in 0..200 {
            scope.spawn(|| {
                let reply = get(&metrics, "/metrics");
                reply.assert_has("HTTP/1.1 200 OK");
                assert!(reply.body.ends_with(b"\nvisits_total 1\n"));
            });
        }
        scrape_honestly(&metrics);
    });
}

#[test]
fn a_client_that_says_nothing_or_half_of_a_request_is_disconnected() {
    let options = Serve::on("127.0.0.1:0").registry(small_registry().0).client_timeout(Duration::from_millis(300));
    let metrics = options.start().unwrap();
    assert_eq!(wait_for_end(connect(&metrics, b"")), b"");
    wait_for_end(connect(&metrics, &REQUEST[..30]));
    // After an answer as well.
    let said = wait_for_end(connect(&metrics, REQUEST));
    assert!(String::from_utf8_lossy(&said).ends_with("\nvisits_total 0\n"));
}

#[test]
fn a_client_that_does_not_take_its_answer_is_disconnected() {
    let options = Serve::on("127.0.0.1:0").registry(large_registry()).client_timeout(Duration::from_secs(2));
    let metrics = options.start().unwrap();
    let length = get(&metrics, "/metrics").body.len();
    let mut slow = connect(&metrics, REQUEST);
    let (mut taken, mut piece) = (0, [0; 1_000]);
    // Some bytes now and then: the server is never quite stopped. It sends no more of them after its time is over, and
    // what is in the buffers of the system ends the connection.
    let ended = loop {
        thread::sleep(Duration::from_millis(1));
        match slow.read(&mut piece) {
            Ok(0) => break true,
            Ok(read) => taken += read,
            Err(error) => break error.kind() == ErrorKind::ConnectionReset,
        }
        assert!(taken < length, "all of {length} bytes came");
    };
    assert!(ended);
}

#[test]
fn clients_beyond_the_maximum_wait_until_others_are_disconnected() {
    let options = Serve::on("127.0.0.1:0").registry(small_registry().0).max_connections(3);
    let metrics = options.client_timeout(Duration::from_secs(1)).start().unwrap();
    let idle: Vec<_> = (0..20).map(|_| connect(&metrics, b"")).collect();
    get(&metrics, "/metrics").assert_has("HTTP/1.1 200 OK");
    drop(idle);
}

#[test]
fn a_request_of_too_many_or_too_long_headers_gets_431() {
    let metrics = Serve::on("127.0.0.1:0").registry(small_registry().0).start().unwrap();
    let long = format!("Cookie: {}", "c".repeat(100_000));
    let mut many = String::new();
    for number in 0..200 {
        write!(many, "X-{number}: 1\r\n").unwrap();
    }
    for headers in [&*long, many.trim_end()] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: shop\r\n{headers}\r\n\r\n");
        let said = wait_for_end(connect(&metrics, request.as_bytes()));
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{said}");
    }
    // A scrape by many names is no such request.
    let names = format!("/metrics?{}name[]=visits_total", "name[]=some_other_metric_total&".repeat(1_000));
    let reply = get(&metrics, &names);
    reply.assert_has("HTTP/1.1 200 OK");
    assert!(reply.body.ends_with(b"\nvisits_total 0\n"));
}

#[test]
fn a_client_that_speaks_no_http_is_refused() {
    let metrics = Serve::on("127.0.0.1:0").registry(small_registry().0).start().unwrap();
    for nonsense in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"hello\r\n\r\n", b"GET metrics\r\n\r\n"] {
        let said = wait_for_end(connect(&metrics, nonsense));
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{nonsense:?}");
    }
    scrape_honestly(&metrics);
}
