//! The quickstart, built with the feature `redis`: two variables make its processes count together, and one that is asked to
//! end leaves what it has counted. What `docker-compose.yml` starts beside it is configured well.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use support::example::address_in;
use support::redis::Redis;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const COMPOSE: &str = include_str!("../docker-compose.yml");

/// As the README has it built.
fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "pytheus-examples", "--features", "redis", "--example", "quickstart"]);
    cargo.current_dir(ROOT).arg("--target-dir").arg(support::target_dir()).stdin(Stdio::null());
    assert!(cargo.status().expect("cargo runs").success(), "it does not build");
}

struct Quickstart {
    process: Child,
    address: SocketAddr,
    /// Kept open: it prints.
    output: BufReader<ChildStdout>,
}

impl Quickstart {
    fn start(config: &Path) -> Self {
        let mut process = Command::new(support::target_dir().join("debug/examples/quickstart"))
            .envs([("HOST", "127.0.0.1"), ("PORT", "0"), ("PYTHEUS_BACKEND_CLASS", "redis")])
            .env("PYTHEUS_BACKEND_CONFIG", config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut said = String::new();
        output.read_line(&mut said).expect("it prints");
        let address = address_in(&said).unwrap_or_else(|| panic!("it ended before it listened: {said}"));
        Self { process, address, output }
    }

    fn get(&self, path: &str) -> support::Reply {
        support::get(&format!("http://{}{path}", self.address)).expect("an answer")
    }

    /// Asks it to end, as service managers do.
    fn end(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("there is `kill`").success());
        assert!(self.process.wait().expect("it is a child of this process").success());
        let mut rest = String::new();
        assert_eq!(self.output.read_line(&mut rest).expect("it ended"), 0, "{rest}");
    }

    #[track_caller]
    fn assert_shows(&self, visits: u32) {
        let reply = self.get("/metrics");
        assert_eq!(reply.status, 200, "{}", reply.body);
        let line = format!("\nhttp_request_duration_seconds_count {visits}\n");
        assert!(reply.body.contains(&line), "{visits} are expected: {}", reply.body);
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn two_variables_make_processes_count_together_and_one_that_is_asked_to_end_loses_nothing() {
    build();
    // With the options of the file that starts it for users.
    let command = COMPOSE.lines().find_map(|line| line.trim().strip_prefix("command: redis-server "));
    let options: Vec<_> = command.expect("the file says how Redis is started").split(' ').collect();
    let mut redis = Redis::start_with(&options);
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pytheus.json");
    // Nothing is sent by itself.
    let text = format!(r#"{{"host": "127.0.0.1", "port": {}, "flush_interval": 3600}}"#, redis.port());
    fs::write(&config, text).expect("a configuration");

    let (one, other) = (Quickstart::start(&config), Quickstart::start(&config));
    (0..3).for_each(|_| assert_eq!(one.get("/").body, "hello world!"));
    (0..2).for_each(|_| assert_eq!(other.get("/").body, "hello world!"));
    one.assert_shows(3);
    other.assert_shows(5);
    one.assert_shows(5);

    (0..4).for_each(|_| assert_eq!(one.get("/").body, "hello world!"));
    one.end();
    other.assert_shows(9);
    other.end();
    // It keeps what it is told.
    redis.kill();
    redis.restart();
    let next = Quickstart::start(&config);
    next.assert_shows(9);

    // Without Redis there are no numbers, rather than wrong ones; requests are answered.
    redis.kill();
    assert_eq!(next.get("/metrics").status, 503);
    assert_eq!(next.get("/").body, "hello world!");
}

#[test]
fn prometheus_takes_the_configuration_that_comes_with_it() {
    let promtool = support::program("promtool", "prometheus");
    let output = Command::new(promtool).args(["check", "config", "prometheus.yml"]).current_dir(ROOT).output();
    let output = output.expect("promtool starts");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(COMPOSE.contains("./prometheus.yml:/etc/prometheus/prometheus.yml"));
}
