mod extremes;
mod gauges;
mod hiccups;
mod relay;
mod secrets;
#[cfg(feature = "redis-tls")]
mod secure;
#[cfg(unix)]
mod spool;
mod topology;
mod waiting;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::backends::custom::{Backend as _, BackendError, Batch, Change, Config, Configure as _, FamilyKey, Removal};
use crate::backends::custom::{SeriesKey, Totals, WriterId};
use crate::backends::{Value, json};
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::number::Number;

/// The limit of waits that are short on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A server of one test.
pub(super) struct Server {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Server {
    pub(super) fn start() -> Self {
        Self::start_with(&["--save", ""])
    }

    fn start_with(options: &[&str]) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        // The port that the nodes of a cluster have among themselves is 10000 above.
        let port = std::iter::repeat_with(free).find(|port| *port < 50_000).expect("some are free");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("redis.conf");
        std::fs::write(&file, "").expect("there is room");
        let mut command = Command::new("redis-server");
        command.arg(file).args(options).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        command.arg("--dir").arg(directory.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("Debian's package `redis-server` is installed");
        let server = Self { child, port, _directory: directory };
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "it does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// Runs a command of words without spaces.
    pub(super) fn say(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let words: Vec<_> = command.split(' ').map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        stream.write_all(format!("*{}\r\n{}", words.len(), words.concat()).as_bytes()).expect("it reads");
        let mut answer = [0; 4096];
        let len = stream.read(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer[..len]).trim().to_owned()
    }

    fn process(&self) -> TestProcess {
        self.process_with(&json!({}))
    }

    pub(super) fn process_with(&self, more: &Value) -> TestProcess {
        let mut config = json!({"port": self.port, "timeout": 30, "key_prefix": "ns"});
        let all = config.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        let mut config = Config::new(config).expect("an object");
        let backend = MultiProcessRedisBackend::configure(&mut config).expect("a good config");
        TestProcess { backend, writer: WriterId::random(), sequence: 0, totals: HashMap::new() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process, as its shipping thread drives the backend.
pub(super) struct TestProcess {
    pub(super) backend: MultiProcessRedisBackend,
    writer: WriterId,
    sequence: u64,
    totals: HashMap<String, u64>,
}

fn counter(name: &'static str) -> Arc<FamilyKey> {
    let descriptor = Descriptor::new(Kind::Counter, name, "Help.").and_then(|new| new.with_labels(["l"]));
    Arc::new(FamilyKey::new("", descriptor.expect("a good name")))
}

/// Returns the key of a [`counter`]'s hash.
fn key(name: &'static str, partition: usize) -> String {
    schema::PartitionKeys::new("ns", partition).family(&counter(name).id())
}

pub(super) fn gauge(name: &'static str, mode: GaugeMode) -> Arc<FamilyKey> {
    let descriptor = Descriptor::new(Kind::Gauge, name, "Help.").and_then(|new| new.with_mode(mode));
    Arc::new(FamilyKey::new("", descriptor.expect("a good name")))
}

impl TestProcess {
    /// Makes the next batch: a change of one series.
    pub(super) fn changing(
        &mut self,
        family: &Arc<FamilyKey>,
        labels: &[&str],
        deltas: Vec<Number>,
        totals: Vec<Number>,
    ) -> Batch {
        self.sequence += 1;
        let change = Change {
            family: Arc::clone(family),
            series: SeriesKey::new(family, labels),
            deltas,
            totals,
            was_set: family.descriptor().kind() == Kind::Gauge && family.descriptor().mode() == GaugeMode::Shared,
            set_at: 0,
        };
        Batch { writer: self.writer, sequence: self.sequence, changes: vec![change] }
    }

    /// Makes the next batch: an increment of a counter.
    pub(super) fn batch(&mut self, name: &'static str, label: &str, amount: u64) -> Batch {
        let known = self.totals.entry(format!("{name} {label}")).or_default();
        *known += amount;
        let total = *known;
        self.changing(&counter(name), &[label], vec![Number::Int(amount)], vec![Number::Int(total)])
    }

    /// Repeats a batch until it is acknowledged.
    pub(super) fn repeat(&self, batch: &Batch) {
        let deadline = Instant::now() + TIMEOUT;
        while let Err(error) = self.backend.apply(batch) {
            assert!(Instant::now() < deadline, "{error}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn count(&mut self, name: &'static str, label: &str, amount: u64) {
        let batch = self.batch(name, label, amount);
        self.backend.apply(&batch).expect("Redis takes it");
    }

    /// Makes the next batch: a gauge was set.
    fn setting(&mut self, family: &Arc<FamilyKey>, value: f64) -> Batch {
        self.changing(family, &[], vec![Number::Float(value)], vec![Number::Float(value)])
    }

    pub(super) fn set(&mut self, family: &Arc<FamilyKey>, value: f64) {
        let batch = self.setting(family, value);
        self.backend.apply(&batch).expect("Redis takes it");
    }

    fn remove(&mut self, name: &'static str, label: &str) {
        self.totals.remove(&format!("{name} {label}"));
        self.remove_series(&counter(name), &[label]);
    }

    fn remove_series(&mut self, family: &Arc<FamilyKey>, labels: &[&str]) {
        self.sequence += 1;
        let series = vec![(Arc::clone(family), SeriesKey::new(family, labels))];
        let removal = Removal { writer: self.writer, sequence: self.sequence, series };
        self.backend.remove(&removal).expect("Redis takes it");
    }

    /// Runs a round of the heartbeat.
    pub(super) fn heartbeat(&self) {
        while self.backend.heartbeat() == Some(Duration::ZERO) {}
    }

    fn scrape(&self) -> Result<Vec<(String, f64)>, BackendError> {
        let mut totals = Totals::new("".into(), []);
        self.backend.load(&mut totals)?;
        let mut shown = Vec::new();
        for family in totals.finish().1 {
            for (labels, parts) in family.iter() {
                let values: Vec<_> = labels.values().collect();
                shown.push((format!("{} {}", family.descriptor().name(), values.join(" ")), parts[0].as_f64()));
            }
        }
        shown.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(shown)
    }

    #[track_caller]
    fn shows(&self, expected: &[(&str, f64)]) {
        let shown = self.scrape().expect("Redis answers");
        let shown: Vec<_> = shown.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(shown, expected);
    }
}

/// Returns the native scheme of a backend.
#[allow(irrefutable_let_patterns, reason = "without the feature `redis-python`")]
fn native(inner: &backend::Inner) -> &native::scheme::Native {
    let backend::KeyScheme::Native(native) = &inner.scheme else { panic!("it has Python's keys") };
    native
}

fn fault(error: &BackendError) -> String {
    error.downcast_ref::<RedisFault>().expect("a fault of Redis").to_string()
}

#[test]
fn living_processes_resend_their_counts_after_a_flush() {
    let server = Server::start();
    let (mut one, mut other, mut dead) = (server.process(), server.process(), server.process());
    let (live, shared) = (gauge("live", GaugeMode::LiveSum), gauge("shared", GaugeMode::Shared));
    one.count("a_total", "x", 5);
    one.set(&live, 2.0);
    one.set(&shared, 8.0);
    other.count("a_total", "x", 7);
    other.count("b_total", "x", 1);
    dead.count("a_total", "x", 100);
    dead.backend.close().expect("it ends");
    one.shows(&[("a_total x", 112.0), ("b_total x", 1.0), ("live ", 2.0), ("shared ", 8.0)]);
    server.say("FLUSHALL");
    other.count("a_total", "x", 1);
    one.heartbeat();
    one.shows(&[("a_total x", 13.0), ("b_total x", 1.0), ("live ", 2.0), ("shared ", 8.0)]);
    for process in [&one, &other] {
        process.heartbeat();
    }
    one.count("a_total", "x", 1);
    other.shows(&[("a_total x", 14.0), ("b_total x", 1.0), ("live ", 2.0), ("shared ", 8.0)]);
}

#[test]
fn living_processes_resend_an_evicted_family() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.count("a_total", "x", 5);
    other.count("a_total", "x", 7);
    one.count("b_total", "x", 3);
    server.say(&format!("DEL {}", key("a_total", 0)));
    one.count("a_total", "x", 1);
    let shown = one.scrape().expect("Redis answers");
    assert_eq!(shown, [("a_total x".to_owned(), 6.0), ("b_total x".to_owned(), 3.0)]);
    other.count("a_total", "y", 1);
    one.shows(&[("a_total x", 13.0), ("a_total y", 1.0), ("b_total x", 3.0)]);
}

#[test]
fn a_server_that_has_lost_its_last_writes_gets_them_again() {
    let server = Server::start();
    let (mut one, other) = (server.process(), server.process());
    for _ in 0..5 {
        one.count("a_total", "x", 2);
    }
    let before = server.say("HGETALL {ns:0}:writers");
    let writer = before.lines().find(|line| line.len() == 32).expect("the writer").to_owned();
    // The state of two batches ago.
    server.say(&format!("HINCRBY {} n[\"x\"] -4", key("a_total", 0)));
    server.say(&format!("HSET {{ns:0}}:writers {writer} 3"));
    one.count("a_total", "x", 1);
    other.shows(&[("a_total x", 11.0)]);
    // The sequence numbers are lost, and nothing else.
    server.say("DEL {ns:0}:writers");
    one.count("a_total", "x", 1);
    other.shows(&[("a_total x", 12.0)]);
}

#[test]
fn a_removed_series_counts_from_zero_in_all_processes() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.count("a_total", "x", 5);
    other.count("a_total", "x", 7);
    one.remove("a_total", "x");
    other.shows(&[]);
    other.count("a_total", "x", 1);
    one.count("a_total", "x", 1);
    one.shows(&[("a_total x", 2.0)]);
}

#[test]
fn a_batch_that_a_server_refuses_counts_once_it_is_accepted() {
    let server = Server::start();
    let mut one = server.process();
    one.count("a_total", "x", 1);
    let other = key("b_total", 0);
    for (begin, end, says) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "maxmemory"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "takes no writes"),
        ("SCRIPT FLUSH", "PING", ""),
        (&*format!("SET {other} 1"), &*format!("DEL {other}"), &*format!("the key `{other}` is a string")),
        ("ACL SETUSER default -hset", "ACL SETUSER default +hset", "what the user may do"),
    ] {
        let name = if says.contains("b_total") { "b_total" } else { "a_total" };
        let batch = one.batch(name, "x", 1);
        server.say(begin);
        match one.backend.apply(&batch) {
            Ok(()) => assert!(says.is_empty(), "{begin}: it is taken"),
            Err(error) => assert!(!says.is_empty() && fault(&error).contains(says), "{begin}: {error}"),
        }
        server.say(end);
        one.backend.apply(&batch).unwrap_or_else(|error| panic!("{end}: {error}"));
    }
    one.shows(&[("a_total x", 5.0), ("b_total x", 1.0)]);
}

#[test]
fn a_living_process_extends_the_time_to_live_of_a_namespace_and_scrapes_do_not() {
    let server = Server::start();
    let config = json!({"expire_key_time": 6});
    let (mut one, other) = (server.process_with(&config), server.process_with(&config));
    one.count("a_total", "x", 1);
    one.backend.close().expect("Redis answers");
    let ttl = || {
        let reply = server.say(&format!("PTTL {}", key("a_total", 0)));
        reply.trim_start_matches(':').parse::<i64>().expect("a number")
    };
    thread::sleep(Duration::from_secs(2));
    other.shows(&[("a_total x", 1.0)]);
    assert!(ttl() <= 4_000, "a scrape has extended it");
    other.heartbeat();
    assert!(ttl() > 4_000, "{} ms are left", ttl());
    other.shows(&[("a_total x", 1.0)]);
    other.backend.close().expect("Redis answers");
    let deadline = Instant::now() + TIMEOUT;
    while !other.scrape().expect("Redis answers").is_empty() || server.say("DBSIZE") != ":0" {
        assert!(Instant::now() < deadline, "the namespace does not expire");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_heartbeat_goes_on_in_slices_and_says_when_the_next_round_is_due() {
    let server = Server::start();
    let mut one = server.process_with(&json!({"partitions": 1_000, "lease": 6}));
    one.count("a_total", "x", 1);
    let mut slices = 1;
    let interval = loop {
        let begun = Instant::now();
        match one.backend.heartbeat().expect("it goes on") {
            Duration::ZERO => slices += 1,
            interval => break interval,
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    };
    assert!(slices > 1);
    assert_eq!(interval, Duration::from_secs(2));
    assert_eq!(server.say("ZCARD {ns:999}:alive"), ":1");
    one.backend.close().expect("Redis answers");
    assert_eq!(one.backend.heartbeat(), None);
}
