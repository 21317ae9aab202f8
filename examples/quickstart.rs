//! The quickstart of pytheus, in Rust: a web service whose endpoints are timed, and `/metrics` for Prometheus.
//!
//! Run it, open `/` and `/slow` in a browser, then look at `/metrics`:
//!
//! ```sh
//! cargo run --release -p pytheus-examples --example quickstart
//! ```
//!
//! It listens on port 8080 of all interfaces; the variables `PORT` and `HOST` change that. What `/metrics` shows
//! stands at the end of this file. Asked to end, by Ctrl-C or SIGTERM, it answers the requests that it has, and what it has
//! counted is kept where totals are kept.
//!
//! With the feature `redis`, two variables make it one of several processes, on any machines, that count together:
//! `PYTHEUS_BACKEND_CLASS=redis`, and in `PYTHEUS_BACKEND_CONFIG` the path of a file that says where Redis is, as
//! `{"host": "127.0.0.1", "port": 6379}`.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pytheus::exposition::{PROMETHEUS_CONTENT_TYPE, generate_metrics};
use pytheus::{histogram, metric};
use socket2::{Domain, Socket, Type};

metric! {
    /// Time an endpoint takes to respond.
    static HTTP_REQUEST_DURATION_SECONDS: Histogram = "http_request_duration_seconds";
}

/// Timed by a guard: from here to the end of the function, however it ends.
async fn home() -> &'static str {
    let _timer = HTTP_REQUEST_DURATION_SECONDS.time();
    "hello world!"
}

/// Timed by an attribute.
#[histogram(HTTP_REQUEST_DURATION_SECONDS)]
async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(3)).await;
    "hello world! from slow!"
}

/// What Prometheus reads. A scrape may have to wait, so it has a thread to itself; without the totals, whatever the
/// reason, Prometheus is told so.
async fn metrics() -> Response {
    match tokio::task::spawn_blocking(generate_metrics).await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE)], text).into_response(),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

/// The whole service.
pub(crate) fn router() -> Router {
    Router::new().route("/", get(home)).route("/slow", get(slow)).route("/metrics", get(metrics))
}

/// Listens with `SO_REUSEPORT`: several processes of this program can share the port.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// A setting from the environment.
fn setting<T>(name: &str, default: T) -> Result<T, Box<dyn Error>>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    match std::env::var(name) {
        Ok(value) => value.parse().map_err(|error| format!("{name}={value}: {error}").into()),
        Err(_) => Ok(default),
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let address = SocketAddr::new(setting("HOST", [0, 0, 0, 0].into())?, setting("PORT", 8080)?);
    let listener = listen(address)
        .map_err(|error| format!("can't listen on {address}: {error} (PORT=8081 would take another port)"))?;
    let listener = tokio::net::TcpListener::from_std(listener)?;

    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        // A browser wants a host.
        address.set_ip([127, 0, 0, 1].into());
    }
    println!("Open http://{address}/ and http://{address}/slow, then http://{address}/metrics");

    let served = axum::serve(listener, router()).with_graceful_shutdown(asked_to_end());
    tokio::select! {
        served = served => served?,
        // Whoever is slower than that is not waited for.
        () = async {
            asked_to_end().await;
            tokio::time::sleep(PATIENCE).await;
        } => {}
    }
    // Where totals live elsewhere, they get what was counted last.
    tokio::task::spawn_blocking(|| pytheus::backends::shutdown(PATIENCE)).await??;
    Ok(())
}

/// How long the end may take, once for requests and once for totals.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for Ctrl-C, or what service managers send.
async fn asked_to_end() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}

/// Serves until it is stopped.
#[tokio::main]
pub(crate) async fn main() {
    if let Err(error) = serve().await {
        eprintln!("quickstart: {error}");
        std::process::exit(1);
    }
}

// After one visit to `/` and one to `/slow`, `/metrics` shows this; `_sum` is the time that both took together, so its
// last digits differ.
//
// # HELP http_request_duration_seconds Time an endpoint takes to respond.
// # TYPE http_request_duration_seconds histogram
// http_request_duration_seconds_bucket{le="0.005"} 1
// http_request_duration_seconds_bucket{le="0.01"} 1
// http_request_duration_seconds_bucket{le="0.025"} 1
// http_request_duration_seconds_bucket{le="0.05"} 1
// http_request_duration_seconds_bucket{le="0.1"} 1
// http_request_duration_seconds_bucket{le="0.25"} 1
// http_request_duration_seconds_bucket{le="0.5"} 1
// http_request_duration_seconds_bucket{le="1"} 1
// http_request_duration_seconds_bucket{le="2.5"} 1
// http_request_duration_seconds_bucket{le="5"} 2
// http_request_duration_seconds_bucket{le="10"} 2
// http_request_duration_seconds_bucket{le="+Inf"} 2
// http_request_duration_seconds_sum 3.0021154880523682
// http_request_duration_seconds_count 2
