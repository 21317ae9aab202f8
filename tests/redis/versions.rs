//! Versions of a program that declare a metric differently share a Redis: a rolling upgrade, a rollback, the upgrade again.
//! The counts of every version stay in the totals.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::Path;

use pytheus::backends::{Value, flush, json};
use pytheus::descriptor::GaugeMode;
use pytheus::metrics::{Counter, Family, Gauge, Histogram};
use servers::cluster::Cluster;
use servers::counting::{serve, start, try_scrape};
use servers::proxy::Proxy;
use servers::server::{Server, config};
use servers::spool::wait_for_heirs;
use support::scrapes::Samples;
use support::worker::Worker;

fn orders(version: &str) -> Family<Counter> {
    let orders = || Counter::builder("orders_total", "Orders.");
    let built = match version {
        "v1" => orders().label_names(["shop"]).build(),
        _ => orders().label_names(["shop", "currency"]).default_labels([("currency", "EUR")]).build(),
    };
    built.expect("no other in this process")
}

fn latency(version: &str) -> Histogram {
    let bounds: &[f64] = if version == "v1" { &[0.1, 1.0] } else { &[0.1, 0.5, 1.0] };
    Histogram::builder("latency_seconds", "How long it takes.").buckets(bounds.to_vec()).build().expect("as before")
}

fn queue(version: &str) -> Gauge {
    let mode = if version == "v1" { GaugeMode::Shared } else { GaugeMode::LiveSum };
    Gauge::builder("queue", "Jobs that wait.").mode(mode).build().expect("as before")
}

#[test]
fn worker() {
    serve(|words| {
        match *words {
            // Every metric counts as often as this counter, with fractions, in every bucket.
            ["count", version, times] => {
                for number in 0..times.parse::<u32>().expect("a number") {
                    orders(version).labels([("shop", "x")]).expect("the labels are right").inc();
                    orders(version).labels([("shop", "y")]).expect("the labels are right").inc_by(0.5);
                    latency(version).observe([0.0625, 0.25, 0.75, 8.0][number as usize % 4]);
                }
            }
            ["queue", version, value] => queue(version).set(value.parse::<f64>().expect("a number")),
            ["remove", version, shop] => {
                assert!(orders(version).remove([("shop", shop)]).expect("the labels are right"), "it was there");
                flush().expect("Redis is there");
            }
            _ => panic!("{words:?}"),
        }
        "ok".to_owned()
    });
}

/// Returns the counts of a metric, summed over all labels but `shop`.
fn by_shop(samples: &Samples) -> BTreeMap<&str, f64> {
    let mut sums = BTreeMap::new();
    for (sample, value) in samples.iter().filter(|(sample, _)| sample.starts_with("orders_total{")) {
        let shop = sample.split(r#"shop=""#).nth(1).and_then(|rest| rest.split('"').next()).expect("each has a shop");
        *sums.entry(shop).or_default() += value;
    }
    sums
}

/// Processes of both versions, and their counts.
struct Fleet<'a> {
    start: &'a dyn Fn() -> Worker,
    living: Vec<(&'static str, Worker)>,
    counted: f64,
}

impl Fleet<'_> {
    /// Starts another process of a version, and has it count.
    fn begin(&mut self, version: &'static str) {
        self.living.push((version, (self.start)()));
        self.count();
    }

    /// Has all living processes count, and asserts the totals in each.
    fn count(&mut self) {
        for (version, worker) in &mut self.living {
            assert_eq!(worker.ask(&format!("count {version} 4")), "ok");
            assert_eq!(worker.ask("flushed"), "ok");
            self.counted += 4.0;
        }
        self.check();
    }

    #[allow(clippy::float_cmp, reason = "all of them are exact")]
    fn check(&mut self) {
        for (version, worker) in &mut self.living {
            let scraped = servers::retry_until(servers::TIMEOUT, || try_scrape(worker));
            let samples = scraped.expect("a scrape comes through");
            let when = format!("{version} answers after {}: {samples:#?}", self.counted);
            let expected = BTreeMap::from([("x", self.counted), ("y", self.counted / 2.0)]);
            assert_eq!(by_shop(&samples), expected, "{when}");
            let of = |name: &str| samples.get(&format!("latency_seconds_{name}")).copied().unwrap_or_default();
            let turns = self.counted / 4.0;
            assert_eq!([of("count"), of("sum")], [self.counted, turns * 9.0625], "{when}");
            // Both versions declare these.
            let shared = [of(r#"bucket{le="0.1"}"#), of(r#"bucket{le="1.0"}"#), of(r#"bucket{le="+Inf"}"#)];
            assert_eq!(shared, [turns, turns * 3.0, self.counted], "{when}");
            assert!(!samples.keys().any(|name| name.contains("conflicts")), "{when}");
        }
    }

    /// Ends the oldest process, in order or by a kill after a flush.
    fn end(&mut self, kill: bool) {
        let (_, mut worker) = self.living.remove(0);
        if kill {
            worker.kill();
        } else {
            assert_eq!(worker.ask("shutdown"), "ok");
            worker.end();
        }
        self.check();
    }
}

/// The upgrade of a fleet, its rollback, and the upgrade again.
fn deploy(start: &dyn Fn() -> Worker) {
    let mut fleet = Fleet { start, living: Vec::new(), counted: 0.0 };
    fleet.begin("v1");
    fleet.begin("v2");
    fleet.count();
    // v1 ends, v2 restarts; then v1 again, then v2 again.
    fleet.end(false);
    fleet.begin("v2");
    fleet.end(true);
    fleet.count();
    fleet.begin("v1");
    fleet.end(false);
    fleet.count();
    fleet.begin("v2");
    fleet.end(true);
    fleet.count();
    let scraped = servers::retry_until(servers::TIMEOUT, || try_scrape(&mut fleet.living[0].1));
    let samples = scraped.expect("a scrape comes through");
    assert_eq!(samples.get(r#"orders_total{currency="EUR",shop="x"}"#), Some(&fleet.counted), "{samples:#?}");
    assert_eq!(samples.get(r#"orders_total{shop="x"}"#), None, "no series twice");
}

#[test]
fn every_version_shows_all_counts_through_upgrade_rollback_and_upgrade() {
    let server = Server::start();
    deploy(&|| start(&config(server.port())));
}

#[test]
fn versions_share_a_cluster() {
    let cluster = Cluster::start();
    deploy(&|| start(&cluster.config()));
}

#[test]
fn versions_share_a_redis_with_a_tenth_of_all_messages_lost() {
    let server = Server::start();
    for seed in 1..=2 {
        let proxy = Proxy::to(server.port());
        proxy.lose(seed, 100);
        let mut through = config(proxy.port());
        // A lost command or reply on a hanging connection takes this long.
        through["timeout"] = 0.05.into();
        through["key_prefix"] = format!("seed-{seed}").into();
        deploy(&|| start(&through));
    }
}

fn spooled(server: &Server, spool: &Path) -> Value {
    json!({"port": server.port(), "spool_directory": spool, "flush_interval": 0.02, "lease": 2, "timeout": 30})
}

#[test]
fn versions_share_a_redis_with_a_spool() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    deploy(&|| start(&spooled(&server, folder.path())));
}

#[test]
fn recovered_counts_go_to_the_declaration_of_the_killed_process() {
    let (mut server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    server.kill();
    for version in ["v1", "v2"] {
        let mut worker = start(&spooled(&server, folder.path()));
        assert_eq!(worker.ask(&format!("count {version} 400")), "ok");
        worker.kill();
    }
    server.restart();
    let next = start(&spooled(&server, folder.path()));
    wait_for_heirs(folder.path(), 1);
    let mut fleet =
        Fleet { start: &|| start(&spooled(&server, folder.path())), living: vec![("v1", next)], counted: 800.0 };
    fleet.check();
    fleet.count();
    fleet.begin("v2");
}

#[test]
fn living_processes_of_both_versions_resend_their_counts_after_a_flush() {
    let server = Server::start();
    let mut fleet = Fleet { start: &|| start(&config(server.port())), living: Vec::new(), counted: 0.0 };
    fleet.begin("v1");
    fleet.begin("v2");
    server.ask(&["FLUSHALL"]);
    for (_, worker) in &mut fleet.living {
        let resent = servers::retry_until(servers::TIMEOUT, || {
            assert_eq!(worker.ask("flushed"), "ok");
            let keys = server.ask(&["HKEYS", "{pytheus:0}:families"]).texts();
            let orders = keys.iter().filter(|key| key.starts_with("orders_total@")).count();
            if orders == 2 { Ok(()) } else { Err(format!("{keys:?}")) }
        });
        resent.expect("both resend their counts");
    }
    fleet.count();
}

#[test]
fn a_series_is_removed_in_all_versions() {
    let server = Server::start();
    let start = || start(&config(server.port()));
    let (mut ended, mut old, mut new) = (start(), start(), start());
    for (worker, what) in [(&mut ended, "count v1 1"), (&mut old, "count v1 2"), (&mut new, "count v2 8")] {
        assert_eq!(worker.ask(what), "ok");
        assert_eq!(worker.ask("flushed"), "ok");
    }
    ended.kill();
    assert_eq!(by_shop(&new.scrape()), BTreeMap::from([("x", 11.0), ("y", 5.5)]));
    assert_eq!(new.ask("remove v2 x"), "ok");
    assert_eq!(by_shop(&old.scrape()), BTreeMap::from([("y", 5.5)]));
    assert_eq!(old.ask("remove v1 y"), "ok");
    assert_eq!(by_shop(&new.scrape()), BTreeMap::new());
    assert_eq!(old.ask("count v1 16"), "ok");
    assert_eq!(old.ask("flushed"), "ok");
    assert_eq!(by_shop(&new.scrape()), BTreeMap::from([("x", 16.0), ("y", 8.0)]));
}

#[test]
fn a_gauge_with_another_mode_shows_both_versions_until_the_old_one_ends() {
    let server = Server::start();
    let start = || start(&config(server.port()));
    let set = |worker: &mut Worker, what: &str| {
        assert_eq!(worker.ask(&format!("queue {what}")), "ok");
        assert_eq!(worker.ask("flushed"), "ok");
    };
    let shows = |worker: &mut Worker, value: f64, when: &str| {
        assert_eq!(worker.scrape().get("queue"), Some(&value), "{when}");
    };
    let (mut old, mut new) = (start(), start());
    set(&mut old, "v1 7");
    set(&mut new, "v2 3");
    for worker in [&mut old, &mut new] {
        shows(worker, 10.0, "both live");
    }
    assert_eq!(old.ask("shutdown"), "ok");
    shows(&mut new, 3.0, "the value that processes of the old version shared is over");
    // The rollback, while the new version goes on.
    let mut old = start();
    set(&mut old, "v1 5");
    shows(&mut new, 5.0, "the newest says how: one value for all");
    // Resent, it is no newer.
    server.ask(&["FLUSHALL"]);
    set(&mut old, "v1 6");
    set(&mut new, "v2 4");
    shows(&mut old, 6.0, "the order stays");
    assert_eq!(new.ask("shutdown"), "ok");
    shows(&mut old, 6.0, "the newer one has ended");
}
