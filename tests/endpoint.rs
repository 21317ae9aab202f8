//! The endpoint in real servers: axum, and hyper without a framework.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use pytheus::exposition::PROMETHEUS_CONTENT_TYPE;
use pytheus::http::{Endpoint, endpoint, endpoint_from};
use pytheus::metric;
use pytheus::metrics::Counter;
use pytheus::registry::CollectorRegistry;
use support::raw_http::{RawReply, ask};

metric! {
    /// Orders.
    static ORDERS: Counter = "orders_total" { labels: { customer } };
}

/// Runs code beside a server, which ends with it.
fn beside<F>(serve: impl FnOnce(tokio::net::TcpListener) -> F, visit: impl FnOnce(SocketAddr) + Send + 'static)
where
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let visitor = tokio::task::spawn_blocking(move || visit(address));
        tokio::select! {
            () = serve(listener) => panic!("the server ended"),
            visited = visitor => visited.unwrap(),
        }
    });
}

fn beside_axum(visit: impl FnOnce(SocketAddr) + Send + 'static) {
    let internal = Arc::new(CollectorRegistry::new());
    Counter::builder("secrets_total", "Not for everybody.").registry(&*internal).build().unwrap();
    let app = Router::new()
        .route_service("/metrics", endpoint())
        .nest("/internal", Router::new().route_service("/metrics", endpoint_from(internal)));
    beside(async |listener| axum::serve(listener, app).await.unwrap(), visit);
}

/// Serves every path of every connection.
async fn serve_with_hyper(listener: tokio::net::TcpListener, endpoint: Endpoint) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(endpoint.clone());
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn get(address: SocketAddr, path: &str) -> RawReply {
    ask(address, &[format!("GET {path} HTTP/1.1").as_bytes()])
}

#[test]
fn one_line_of_axum_answers_with_content_type_and_length() {
    beside_axum(|address| {
        ORDERS.customer("Ada").inc();
        let response = get(address, "/metrics");
        response.assert_has("HTTP/1.1 200 OK");
        response.assert_has(&format!("Content-Type: {PROMETHEUS_CONTENT_TYPE}"));
        response.assert_has(&format!("Content-Length: {}", response.body.len()));
        response.assert_has("Vary: Accept, Accept-Encoding");
        let text = String::from_utf8(response.body).unwrap();
        assert!(text.contains("\norders_total{customer=\"Ada\"} 1\n"), "{text}");
    });
}

#[test]
fn headers_in_several_lines_and_beyond_ascii_are_read() {
    beside_axum(|address| {
        let accept = b"Accept: text/plain;version=0.0.4;q=0.3, \xff\xfe";
        let more = b"accept: application/openmetrics-text;version=1.0.0;q=0.5";
        let response = ask(address, &[b"GET /metrics HTTP/1.1", accept, more]);
        response.assert_has("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8");
    });
}

#[test]
fn head_and_other_methods_are_answered_by_the_rules_of_http() {
    beside_axum(|address| {
        let full = get(address, "/internal/metrics");
        let head = ask(address, &[b"HEAD /internal/metrics HTTP/1.1"]);
        head.assert_has("HTTP/1.1 200 OK");
        head.assert_has(&format!("Content-Length: {}", full.body.len()));
        assert!(head.body.is_empty());
        let post = ask(address, &[b"POST /metrics HTTP/1.1", b"Content-Length: 0"]);
        post.assert_has("HTTP/1.1 405 Method Not Allowed");
        post.assert_has("Allow: GET, HEAD");
    });
}

#[test]
fn a_registry_of_its_own_has_an_endpoint_of_its_own() {
    beside_axum(|address| {
        let body = get(address, "/internal/metrics").body;
        let body = String::from_utf8(body).unwrap();
        assert_eq!(body, "# HELP secrets_total Not for everybody.\n# TYPE secrets_total counter\nsecrets_total 0\n");
    });
}

#[test]
fn a_client_with_gzip_gets_the_same_text_in_fewer_bytes() {
    for number in 0..200 {
        ORDERS.customer(&format!("customer {number}")).inc();
    }
    beside_axum(|address| {
        let accept = b"Accept-Encoding: gzip";
        let response = ask(address, &[b"GET /metrics HTTP/1.1", accept]);
        response.assert_has("Content-Encoding: gzip");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*response.body).read_to_string(&mut text).unwrap();
        assert!(text.contains("\norders_total{customer=\"customer 199\"} 1\n"), "{text}");
        assert!(response.body.len() * 4 < text.len());
    });
}

#[test]
fn hyper_answers_requests_in_a_row_on_one_connection() {
    let registry = Arc::new(CollectorRegistry::new());
    let jobs = Counter::builder("jobs_total", "Jobs.").registry(&*registry).build().unwrap();
    jobs.inc();
    beside(
        |listener| serve_with_hyper(listener, endpoint_from(registry)),
        |address| {
            const REQUESTS: usize = 50;
            let mut requests = String::new();
            for request in 0..REQUESTS {
                let end = if request + 1 == REQUESTS { "Connection: close\r\n" } else { "" };
                write!(requests, "GET /metrics HTTP/1.1\r\nHost: shop\r\n{end}\r\n").unwrap();
            }
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(requests.as_bytes()).unwrap();
            let mut responses = String::new();
            stream.read_to_string(&mut responses).unwrap();
            assert_eq!(responses.matches("HTTP/1.1 200 OK\r\n").count(), REQUESTS);
            assert_eq!(responses.matches("\njobs_total 1\n").count(), REQUESTS);
        },
    );
}

#[test]
fn two_hundred_connections_at_once_are_all_answered() {
    beside_axum(|address| {
        ORDERS.customer("Grace").inc();
        thread::scope(|scope| {
            for _connection in 0..200 {
                scope.spawn(|| {
                    let response = get(address, "/metrics");
                    response.assert_has("HTTP/1.1 200 OK");
                    let text = String::from_utf8(response.body).unwrap();
                    assert!(text.contains("\norders_total{customer=\"Grace\"} 1\n"), "{text}");
                });
            }
        });
    });
}

#[test]
fn slow_and_idle_clients_do_not_keep_a_scraper_waiting() {
    for number in 0..20_000 {
        ORDERS.customer(&format!("customer of a long list, number {number}")).inc();
    }
    beside_axum(|address| {
        let connect = |request: &[u8]| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request).unwrap();
            stream
        };
        let whole = b"GET /metrics HTTP/1.1\r\nHost: shop\r\n\r\n";
        let slow: Vec<_> = (0..60)
            .map(|number| match number % 3 {
                // Says nothing, sends half of a request, or reads nothing of a reply that no buffer takes.
                0 => connect(b""),
                1 => connect(&whole[..30]),
                _ => connect(whole),
            })
            .collect();
        // Before this time, the scraper would get a 503.
        let timeout = b"X-Prometheus-Scrape-Timeout-Seconds: 10";
        for _scrape in 0..5 {
            let response = ask(address, &[b"GET /metrics HTTP/1.1", timeout]);
            response.assert_has("HTTP/1.1 200 OK");
            assert!(response.body.ends_with(b" 1\n"));
        }
        drop(slow);
    });
}

#[test]
fn huge_headers_are_refused_or_answered_and_the_next_scrape_is_answered() {
    beside_axum(|address| {
        let accept = format!("Accept: {}", "application/openmetrics-text;version=1.0.0;q=0.1,".repeat(2_000));
        // Some servers read so much, others answer 431.
        let response = ask(address, &[b"GET /metrics HTTP/1.1", accept.as_bytes()]);
        assert!(response.head.starts_with("http/1.1 200 ") || response.head.starts_with("http/1.1 431 "));
        get(address, "/metrics").assert_has("HTTP/1.1 200 OK");
        let names = format!("/metrics?name[]={}", "n".repeat(20_000));
        let response = get(address, &names);
        response.assert_has("HTTP/1.1 200 OK");
        assert!(response.body.is_empty());
    });
}
