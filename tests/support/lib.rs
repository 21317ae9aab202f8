//! What several tests need: real servers and parsers, and the text that says how to install them.

#[cfg(unix)]
pub mod disk;
pub mod every_kind;
pub mod example;
pub mod failing;
#[cfg(unix)]
pub mod fork;
pub mod http_client;
pub mod modules;
pub mod multi;
pub mod package;
pub mod prometheus;
pub mod promtool;
pub mod protobuf;
pub mod python;
pub mod raw_http;
pub mod scrapes;
pub mod server;
pub mod sources;
pub mod worker;

use std::env;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The limit of a wait for something that takes no time on an idle machine.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// Ports below are of services that are well known.
const FIRST: u16 = 10_000;

/// The path of a program.
///
/// # Panics
///
/// When it is not there; the message names the Debian package that has it.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("`{name}` is missing: install Debian's package `{package}` (tests/run.sh does)"))
}

/// A TCP port of the loopback interface that nothing listens on, and that stays so while what listens there is started
/// again: where there is room, none of those that the system gives to connections.
///
/// # Panics
///
/// When the system has none.
pub fn free_port() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let end = range.split_whitespace().next().and_then(|least| least.parse().ok()).unwrap_or(0);
    let attempts = if FIRST + 1_000 < end { 100 } else { 0 };
    let random = RandomState::new();
    let mut others =
        (0..attempts).map(|attempt| FIRST + u16::try_from(random.hash_one(attempt) >> 48).unwrap_or(0) % (end - FIRST));
    let any =
        || TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port();
    others.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap_or_else(any)
}

/// Retries `attempt` until it succeeds.
///
/// # Panics
///
/// When it fails for [`TIMEOUT`], with its last error.
pub fn wait_for<T>(what: &str, attempt: impl FnMut() -> Result<T, String>) -> T {
    retry_until(TIMEOUT, attempt).unwrap_or_else(|last| panic!("no {what} after {TIMEOUT:?}; last: {last}"))
}

/// Retries `attempt` until it succeeds. The pauses between attempts add up to `limit` at most: the time of an attempt on a
/// slow machine does not count. Gives up after [`TIMEOUT`] in any case.
///
/// # Errors
///
/// The last error of `attempt`.
pub fn retry_until<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    const PAUSE: Duration = Duration::from_millis(10);
    let (mut paused, deadline) = (Duration::ZERO, Instant::now() + TIMEOUT);
    loop {
        match attempt() {
            Err(_) if paused < limit && Instant::now() < deadline => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
        paused += PAUSE;
    }
}

/// What an HTTP server answered.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The content type; empty when there is none.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// Gets a page over HTTP.
///
/// # Errors
///
/// When there is no answer; an answer with a status of 400 or more is one.
pub fn get(url: &str) -> Result<Reply, String> {
    get_with(url, &[])
}

/// Gets a page over HTTP, with the parameters of a query.
///
/// # Errors
///
/// When there is no answer.
pub fn get_with(url: &str, query: &[(&str, &str)]) -> Result<Reply, String> {
    let agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build().new_agent();
    let mut reply =
        agent.get(url).query_pairs(query.iter().copied()).call().map_err(|error| format!("{url}: {error}"))?;
    let content_type = reply.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(Reply {
        status: reply.status().as_u16(),
        content_type: content_type.to_owned(),
        body: reply.body_mut().read_to_string().map_err(|error| format!("{url}: {error}"))?,
    })
}

/// The target folder that the running test was built in.
///
/// # Panics
///
/// When the test was moved elsewhere.
pub fn target_dir() -> PathBuf {
    profile_dir().parent().map(Path::to_owned).expect("a target folder")
}

/// The folder of the running test's profile, such as `target/debug`.
fn profile_dir() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    // A test stands in `deps`.
    test.ancestors().nth(2).map(Path::to_owned).expect("a folder of the profile")
}
