//! Servers in unusual states: processes recover within five seconds, or report what to do, and the totals are exact but for
//! documented losses.
#![cfg(unix)]

#[path = "states/unreadable.rs"]
mod unreadable;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use pytheus::metric;
use servers::counting::{serve, start, try_scrape};
use servers::proxy::{Proxy, Way};
use servers::resp::Client;
use servers::server::{Server, config, impatient};
use support::worker::Worker;

const RECOVERS_WITHIN: Duration = Duration::from_secs(5);

/// The hash of the family in the schema: the same in every process, and in every later version.
const KEY: &str = "{pytheus:0}:f:hits_total@7ad1560701069d36";

metric! {
    /// Each increment.
    static HITS: Counter = "hits_total";
    /// As many.
    static SIZES: Histogram = "sizes" { buckets: [0.5, 5.0] };
    /// A live gauge.
    static LEVEL: Gauge = "level" { mode: live_max };
}

#[test]
fn worker() {
    serve(|words| match words {
        ["count", times] => {
            for _ in 0..times.parse().expect("a number") {
                HITS.inc();
                SIZES.observe(1.0);
            }
            "ok".to_owned()
        }
        ["level", level] => {
            LEVEL.set(level.parse::<f64>().expect("a number"));
            "ok".to_owned()
        }
        other => panic!("{other:?}"),
    });
}

/// A process that counts, another one that scrapes, and the expected totals.
struct Case {
    worker: Worker,
    other: Worker,
    port: u16,
    counted: u32,
}

impl Case {
    fn new(port: u16) -> Self {
        Self { worker: start(&impatient(port)), other: start(&impatient(port)), port, counted: 0 }
    }

    /// Counts before, during or after the state.
    fn count(&mut self) {
        self.counted += 100;
        assert_eq!(self.worker.ask("count 100"), "ok");
    }

    /// Begins with some counts.
    fn flushed(port: u16) -> Self {
        let mut case = Self::new(port);
        case.count();
        assert_eq!(case.worker.ask("flushed"), "ok");
        case.recovers();
        case
    }

    /// Asserts that counting goes on, and that a scrape fails with an error.
    #[track_caller]
    fn fails_with(&mut self, words: &[&str]) {
        let outcome = servers::retry_until(servers::TIMEOUT, || {
            self.count();
            match try_scrape(&mut self.worker) {
                Err(error) if words.iter().all(|word| error.contains(word)) => Ok(()),
                other => Err(format!("{:?}", other.map(|_| "numbers"))),
            }
        });
        outcome.unwrap_or_else(|last| panic!("{words:?} are expected: {last}"));
        self.count();
    }

    /// Asserts that the other process shows all counts.
    #[track_caller]
    fn recovers(&mut self) {
        let counted = f64::from(self.counted);
        let outcome = servers::retry_until(RECOVERS_WITHIN, || {
            let shown = try_scrape(&mut self.other)?;
            let found = [shown.get("hits_total"), shown.get("sizes_count"), shown.get("sizes_sum")];
            if found == [Some(&counted); 3] { Ok(()) } else { Err(format!("{found:?}, not {counted}")) }
        });
        outcome.unwrap_or_else(|last| panic!("{RECOVERS_WITHIN:?} later: {last}"));
    }

    /// Asserts that counting and scraping work as before.
    #[track_caller]
    fn goes_on(mut self) {
        self.recovers();
        self.count();
        self.recovers();
        let shown = start(&config(self.port)).scrape();
        assert_eq!(shown.get("hits_total"), Some(&f64::from(self.counted)));
    }
}

fn set(server: &Server, name: &str, value: &str) {
    server.ask(&["CONFIG", "SET", name, value]);
}

#[test]
fn out_of_memory() {
    let server = Server::with(&["maxmemory-policy noeviction"]);
    let mut case = Case::flushed(server.port());
    set(&server, "maxmemory", "1");
    case.fails_with(&["OOM", "maxmemory"]);
    set(&server, "maxmemory", "0");
    case.goes_on();
}

#[test]
fn a_read_only_replica() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    case.fails_with(&["read only replica"]);
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    case.goes_on();
}

#[test]
fn a_server_loading_its_data() {
    let mut server = Server::start();
    let mut case = Case::flushed(server.port());
    server.ask(&["DEBUG", "POPULATE", "3000", "filler", "1000"]);
    server.ask(&["SAVE"]);
    server.kill();
    // For three seconds, it replies with an error.
    server.configure("key-load-delay 1000");
    server.configure("loading-process-events-interval-bytes 1024");
    server.begin_restart();
    case.fails_with(&["loading the dataset"]);
    servers::retry_until(servers::TIMEOUT, || match server.client().try_ask(&["GET", "none"]) {
        Ok(servers::resp::Value::Nil) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .expect("it has loaded");
    case.goes_on();
}

#[test]
fn a_server_without_the_scripts() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    server.ask(&["SCRIPT", "FLUSH"]);
    case.count();
    case.recovers();
    case.goes_on();
}

#[test]
fn a_required_password() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    let mut admin = server.client();
    admin.ask(&["CONFIG", "SET", "requirepass", "secret"]);
    admin.ask(&["AUTH", "secret"]);
    admin.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    case.fails_with(&["password"]);
    admin.ask(&["CONFIG", "SET", "requirepass", ""]);
    case.goes_on();
}

#[test]
fn a_user_without_permissions() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    server.ask(&["ACL", "SETUSER", "default", "-evalsha", "-eval"]);
    case.fails_with(&["permissions", "evalsha"]);
    server.ask(&["ACL", "SETUSER", "default", "+@all"]);
    case.goes_on();
}

#[test]
fn a_key_of_another_type() {
    let server = Server::start();
    server.ask(&["SET", KEY, "of another program"]);
    let mut case = Case::new(server.port());
    case.fails_with(&[KEY, "key_prefix"]);
    assert_eq!(server.ask(&["GET", KEY]).text(), "of another program");
    server.ask(&["DEL", KEY]);
    case.goes_on();
}

#[test]
fn a_script_in_an_endless_loop() {
    let server = Server::with(&["busy-reply-threshold 50"]);
    let mut case = Case::flushed(server.port());
    let mut endless = server.client();
    endless.send(&["EVAL", "while true do end", "0"]).expect("it goes");
    case.fails_with(&["BUSY"]);
    server.ask(&["SCRIPT", "KILL"]);
    case.goes_on();
}

/// Living processes resend all counts; here there are no others.
#[test]
fn a_flushed_server() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    server.ask(&["FLUSHALL"]);
    case.recovers();
    case.count();
    server.ask(&["FLUSHALL"]);
    case.goes_on();
}

/// As after a flush.
#[test]
fn evicted_keys() {
    let server = Server::with(&["maxmemory-policy allkeys-random"]);
    let mut case = Case::flushed(server.port());
    set(&server, "maxmemory", "1");
    // Evicts all keys.
    let _ = server.client().try_ask(&["SET", "a", "b"]);
    case.count();
    servers::retry_until(RECOVERS_WITHIN, || {
        if server.info("evicted_keys") > 0 { Ok(()) } else { Err("none".to_owned()) }
    })
    .expect("keys are evicted");
    set(&server, "maxmemory", "0");
    case.goes_on();
}

#[test]
fn a_failing_disk() {
    let server = Server::with(&["save 3600 1"]);
    let mut case = Case::flushed(server.port());
    let gone = server.folder().join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    set(&server, "dir", gone.to_str().expect("text"));
    std::fs::remove_dir(&gone).expect("it is empty");
    server.ask(&["BGSAVE"]);
    case.fails_with(&["MISCONF"]);
    set(&server, "dir", server.folder().to_str().expect("text"));
    server.ask(&["SAVE"]);
    case.goes_on();
}

#[test]
fn too_many_clients() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    let mut admin = server.client();
    admin.ask(&["CONFIG", "SET", "maxclients", "1"]);
    admin.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    // The error may be lost with the connection.
    case.fails_with(&["the totals can't be had"]);
    admin.ask(&["CONFIG", "SET", "maxclients", "1000"]);
    case.goes_on();
}

#[test]
fn a_slow_server() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let mut case = Case::flushed(proxy.port());
    // The delay of each of the few replies of a scrape.
    proxy.delay(Way::ToClient, Duration::from_millis(25));
    case.count();
    case.recovers();
    proxy.heal();
    case.goes_on();
}

#[test]
fn a_hanging_server() {
    let server = Server::start();
    let mut case = Case::flushed(server.port());
    let hanging = server.hang();
    case.fails_with(&["overloaded, or stopped"]);
    drop(hanging);
    case.goes_on();
}

#[test]
fn half_open_connections() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let mut case = Case::flushed(proxy.port());
    proxy.half_open();
    case.count();
    case.goes_on();
}

#[test]
fn an_unreachable_server() {
    let mut server = Server::with(&["appendonly yes", "appendfsync always"]);
    let mut case = Case::flushed(server.port());
    server.kill();
    case.fails_with(&["refused", "is it running there"]);
    server.restart();
    case.goes_on();
}

/// A web server.
#[test]
fn a_web_server_on_the_port() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("a bound address").port();
    let web = thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut some = [0; 1024];
            let length = stream.read(&mut some).unwrap_or(0);
            if some[..length].starts_with(b"end") {
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let mut case = Case::new(port);
    case.fails_with(&["is there a Redis on that port"]);
    std::net::TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| stream.write_all(b"end")).expect("it ends");
    web.join().expect("it has ended");
    let mut server = Server::absent(port);
    server.restart();
    assert!(Client::connect(port).is_ok());
    case.goes_on();
}
