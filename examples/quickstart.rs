//! The quickstart of pytheus: a web service with timed endpoints, and `/metrics` for Prometheus.
//!
//! Run it, open `/` and `/slow` in a browser, then look at `/metrics`:
//!
//! ```sh
//! cargo run --release -p pytheus-examples --example quickstart
//! ```
//!
//! It listens on port 8080 of all interfaces; the variables `PORT` and `HOST` change that. The end of this file shows
//! `/metrics`. After Ctrl-C or SIGTERM it answers the open requests, then hands its last counts to the backend.
//!
//! Two variables make it one of several processes that add up. In one directory of this machine:
//! `PYTHEUS_BACKEND_CLASS=file`, and in `PYTHEUS_BACKEND_CONFIG` the path of a file with `{"directory": "/dev/shm/quickstart"}`.
//! On any machines, with the feature `redis`: `PYTHEUS_BACKEND_CLASS=redis`, and `{"host": "127.0.0.1", "port": 6379}`.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use pytheus::{histogram, metric};
use socket2::{Domain, Socket, Type};

metric! {
    /// Time an endpoint takes to respond.
    static HTTP_REQUEST_DURATION_SECONDS: Histogram = "http_request_duration_seconds";
}

/// Timed by a guard: from here to the end of the function.
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

/// Returns the whole service.
pub(crate) fn router() -> Router {
    Router::new().route("/", get(home)).route("/slow", get(slow)).route_service("/metrics", pytheus::http::endpoint())
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

/// Reads a setting from the environment.
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
        // A browser needs a host.
        address.set_ip([127, 0, 0, 1].into());
    }
    println!("Open http://{address}/ and http://{address}/slow, then http://{address}/metrics");

    let served = axum::serve(listener, router()).with_graceful_shutdown(asked_to_end());
    tokio::select! {
        served = served => served?,
        // Slower requests are dropped.
        () = async {
            asked_to_end().await;
            tokio::time::sleep(TIMEOUT).await;
        } => {}
    }
    // Hands the last counts to the backend.
    pytheus::backends::shutdown_async(TIMEOUT).await?;
    Ok(())
}

/// The time for the end: once for open requests, once for the backend.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for Ctrl-C, or the SIGTERM of a service manager.
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

// `/metrics` after one visit to `/` and one to `/slow`; `_sum` is the time of both together, so its last digits differ.
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
// http_request_duration_seconds_bucket{le="1.0"} 1
// http_request_duration_seconds_bucket{le="2.5"} 1
// http_request_duration_seconds_bucket{le="5.0"} 2
// http_request_duration_seconds_bucket{le="10.0"} 2
// http_request_duration_seconds_bucket{le="+Inf"} 2
// http_request_duration_seconds_sum 3.0021154880523682
// http_request_duration_seconds_count 2
