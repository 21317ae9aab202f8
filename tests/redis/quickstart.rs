//! The quickstart, built with the feature `redis`: two variables make its processes count together. A real Prometheus scrapes
//! the totals from each, SIGTERM loses no counts, and the configuration of `docker-compose.yml` is valid.
#![cfg(unix)]

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use servers::server::{Server, signal};
use support::example::{self, Serving};
use support::{prometheus, wait_for};
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const COMPOSE: &str = include_str!("../../docker-compose.yml");

/// The two variables of a configuration.
struct Quickstarts {
    program: PathBuf,
    folder: TempDir,
}

impl Quickstarts {
    fn of(config: &serde_json::Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("pytheus.json"), config.to_string()).expect("it can be written to");
        Self { program: example::program_with("quickstart", "redis"), folder }
    }

    fn start(&self) -> Serving {
        let config: OsString = self.folder.path().join("pytheus.json").into();
        let variables = [("PYTHEUS_BACKEND_CLASS", "redis".into()), ("PYTHEUS_BACKEND_CONFIG", config)];
        Serving::start_program(&self.program, 0, &variables)
    }
}

fn visit(service: &Serving, times: u32) {
    (0..times).for_each(|_| assert_eq!(service.get("/").body, "hello world!"));
}

#[track_caller]
fn assert_shows(service: &Serving, visits: u32) {
    // On a busy machine, a scrape may time out.
    let reply = wait_for("scrape", || match service.get("/metrics") {
        reply if reply.status == 200 => Ok(reply),
        reply => Err(reply.body),
    });
    let line = format!("\nhttp_request_duration_seconds_count {visits}\n");
    assert!(reply.body.contains(&line), "{visits} are expected: {}", reply.body);
}

/// Ends a service with SIGTERM.
fn end(service: Serving) {
    signal(service.id(), libc::SIGTERM);
    service.wait();
}

#[test]
fn prometheus_scrapes_the_totals_from_any_process() {
    let redis = Server::start();
    let quickstarts = Quickstarts::of(&serde_json::json!({"host": "127.0.0.1", "port": redis.port()}));
    let services = [(); 2].map(|()| quickstarts.start());
    let watching = [0, 1].map(|at| prometheus::Server::scraping(services[at].port()));
    visit(&services[0], 7);
    visit(&services[1], 5);
    for prometheus in &watching {
        for series in ["count", "bucket{le='+Inf'}", "bucket{le='2.5'}"] {
            wait_for(series, || {
                let points = prometheus.query(&format!("http_request_duration_seconds_{series}"))?;
                match points.as_slice() {
                    [(_, value)] if value == "12" => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            });
        }
    }
}

#[test]
fn sigterm_and_a_restart_of_a_persistent_redis_lose_no_counts() {
    // With the options of `docker-compose.yml`.
    let command = COMPOSE.lines().find_map(|line| line.trim().strip_prefix("command: redis-server --"));
    let options: Vec<_> = command.expect("the file says how Redis is started").split(" --").collect();
    let mut redis = Server::with(&options);
    // Without a flush, no batch is sent.
    let config = serde_json::json!({"host": "127.0.0.1", "port": redis.port(), "flush_interval": 3600});
    let quickstarts = Quickstarts::of(&config);

    let (one, other) = (quickstarts.start(), quickstarts.start());
    visit(&one, 3);
    visit(&other, 2);
    assert_shows(&one, 3);
    assert_shows(&other, 5);
    assert_shows(&one, 5);

    visit(&one, 4);
    end(one);
    assert_shows(&other, 9);
    visit(&other, 1);
    end(other);
    redis.kill();
    redis.restart();
    let next = quickstarts.start();
    assert_shows(&next, 10);

    // Without Redis, scrapes fail, and requests are served.
    redis.kill();
    assert_eq!(next.get("/metrics").status, 503);
    visit(&next, 1);
}

#[test]
fn prometheus_accepts_the_configuration_of_the_quickstart() {
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
