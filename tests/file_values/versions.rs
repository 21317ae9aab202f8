//! Versions of a program that declare a metric differently share a directory: a rolling upgrade, a rollback, the upgrade
//! again. Whatever any version has counted stays in the totals.
#![cfg(unix)]

use std::collections::BTreeMap;

use pytheus::descriptor::GaugeMode;
use pytheus::metrics::{Counter, Family, Gauge, Histogram};
use support::scrapes::Samples;
use support::worker::{Worker, serve};

/// Declares and counts as one version of the program does.
fn act(words: &[&str]) -> String {
    match *words {
        ["count", version, shop, times] => {
            orders(version, shop).inc_by(times.parse::<u64>().expect("a number"));
        }
        ["observe", version, seconds] => latency(version).observe(seconds.parse::<f64>().expect("a number")),
        ["remove", "v2", shop] => {
            let orders: Family<Counter> = family("v2");
            orders.remove([("shop", shop)]).expect("the labels are right");
            pytheus::backends::flush().expect("the files are fine");
        }
        ["queue", mode, value] => {
            let mode = if mode == "shared" { GaugeMode::Shared } else { GaugeMode::LiveSum };
            let queue =
                Gauge::builder("queue", "Jobs that wait.").mode(mode).build().expect("no other in this process");
            queue.set(value.parse::<f64>().expect("a number"));
        }
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

fn family(version: &str) -> Family<Counter> {
    let orders = || Counter::builder("orders_total", "Orders.");
    let built = match version {
        "v1" => orders().label_names(["shop"]).build(),
        "v2" => orders().label_names(["shop", "currency"]).default_labels([("currency", "EUR")]).build(),
        _ => orders().label_names(["shop", "region"]).build(),
    };
    built.expect("no other in this process")
}

fn orders(version: &str, shop: &str) -> Counter {
    let mut labels = vec![("shop", shop)];
    if version == "v3" {
        labels.push(("region", "north"));
    }
    family(version).labels(labels).expect("the labels are right")
}

fn latency(version: &str) -> Histogram {
    let bounds: &[f64] = match version {
        "v1" => &[0.1, 1.0],
        "v2" => &[0.1, 0.5, 1.0],
        _ => &[0.1, 2.0],
    };
    let builder = Histogram::builder("latency_seconds", "How long it takes.").buckets(bounds.to_vec());
    builder.build().expect("no other in this process")
}

#[test]
fn worker() {
    serve(act);
}

/// The sums of one metric over all labels but `shop`.
fn by_shop(samples: &Samples) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (sample, value) in samples.iter().filter(|(sample, _)| sample.starts_with("orders_total{")) {
        let shop = sample.split(r#"shop=""#).nth(1).and_then(|rest| rest.split('"').next()).expect("each has a shop");
        *sums.entry(shop.to_owned()).or_default() += value;
    }
    sums
}

#[test]
fn the_upgrade_of_the_issue_shows_all_counts_while_both_versions_live_and_afterwards() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let mut old = start();
    assert_eq!(old.ask("count v1 x 7"), "ok");
    assert_eq!(old.ask("observe v1 0.05"), "ok");
    assert_eq!(old.ask("observe v1 0.3"), "ok");
    let mut new = start();
    assert_eq!(new.ask("count v2 x 20"), "ok");
    assert_eq!(new.ask("observe v2 0.05"), "ok");
    assert_eq!(new.ask("observe v2 0.3"), "ok");
    let expected = [
        (r#"orders_total{currency="EUR",shop="x"}"#, 27.0),
        (r#"latency_seconds_bucket{le="0.1"}"#, 2.0),
        // The older version does not know how many of its observations are below this bound.
        (r#"latency_seconds_bucket{le="0.5"}"#, 3.0),
        (r#"latency_seconds_bucket{le="1.0"}"#, 4.0),
        (r#"latency_seconds_bucket{le="+Inf"}"#, 4.0),
        ("latency_seconds_count", 4.0),
        ("latency_seconds_sum", 0.7),
    ];
    let check = |worker: &mut Worker, when: &str| {
        let samples = worker.scrape();
        for (sample, value) in expected {
            assert_eq!(samples.get(sample), Some(&value), "{when}: {sample} in {samples:#?}");
        }
        assert_eq!(samples.get(r#"orders_total{shop="x"}"#), None, "{when}: no series twice");
        assert!(!samples.keys().any(|name| name.contains("conflicts")), "{when}: {samples:#?}");
    };
    check(&mut old, "the old version answers");
    check(&mut new, "the new version answers");
    old.kill();
    check(&mut new, "the old version has ended");
    check(&mut new, "its file is in the archive");
    new.kill();
    let mut bystander = start();
    check(&mut bystander, "both have ended");
    check(&mut bystander, "both are in the archive");
}

#[test]
fn upgrades_and_rollbacks_in_any_order_lose_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let mut expected: BTreeMap<String, f64> = BTreeMap::new();
    let (mut observed, mut sum) = (0.0, 0.0);
    let mut living: Vec<(&str, Worker)> = Vec::new();
    let plan = ["v1", "v2", "v1", "v2", "v3", "v1", "v3", "v2", "v1", "v2"];
    for (step, version) in (1_u32..).zip(plan) {
        let mut worker = start();
        for (shop, times) in [("x", step), ("y", 2 * step)] {
            assert_eq!(worker.ask(&format!("count {version} {shop} {times}")), "ok");
            *expected.entry(shop.to_owned()).or_default() += f64::from(times);
        }
        for seconds in [0.0625, 0.25, 8.0] {
            assert_eq!(worker.ask(&format!("observe {version} {seconds}")), "ok");
            (observed, sum) = (observed + 1.0, sum + seconds);
        }
        living.push((version, worker));
        // One after the other first, then up to three side by side.
        if living.len() > usize::from(step > 3) * 2 {
            living.remove(0).1.kill();
        }
        let answers = living.iter_mut().map(|(version, worker)| (*version, worker.scrape()));
        for (answering, samples) in answers.chain([("none", start().scrape()), ("none", start().scrape())]) {
            let when = format!("step {step}, {version} began, {answering} answers");
            assert_eq!(by_shop(&samples), expected, "{when}");
            assert_eq!(samples.get("latency_seconds_count"), Some(&observed), "{when}");
            assert_eq!(samples.get("latency_seconds_sum"), Some(&sum), "{when}");
            let below = samples.get(r#"latency_seconds_bucket{le="0.1"}"#);
            assert_eq!(below, Some(&f64::from(step)), "{when}: every version declares this bound");
        }
    }
}

#[test]
fn a_series_of_any_version_is_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut ended, mut old, mut new) = (start(), start(), start());
    assert_eq!(ended.ask("count v1 x 1"), "ok");
    assert_eq!(old.ask("count v1 x 2"), "ok");
    assert_eq!(old.ask("count v1 y 4"), "ok");
    assert_eq!(new.ask("count v2 x 8"), "ok");
    ended.kill();
    assert_eq!(by_shop(&new.scrape()), BTreeMap::from([("x".to_owned(), 11.0), ("y".to_owned(), 4.0)]));
    assert_eq!(new.ask("remove v2 x"), "ok");
    assert_eq!(by_shop(&old.scrape()), BTreeMap::from([("y".to_owned(), 4.0)]));
    assert_eq!(old.ask("count v1 x 16"), "ok");
    assert_eq!(by_shop(&new.scrape()), BTreeMap::from([("x".to_owned(), 16.0), ("y".to_owned(), 4.0)]));
}

#[test]
fn a_changed_gauge_mode_aggregates_both_versions_while_both_live() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let mut old = start();
    assert_eq!(old.ask("queue shared 7"), "ok");
    let mut new = start();
    assert_eq!(new.ask("queue live_sum 3"), "ok");
    for worker in [&mut old, &mut new] {
        assert_eq!(worker.scrape().get("queue"), Some(&10.0));
    }
    old.kill();
    assert_eq!(new.scrape().get("queue"), Some(&3.0), "the value that processes of the old version shared is over");
    // The rollback, while the new version goes on.
    let mut old = start();
    assert_eq!(old.ask("queue shared 5"), "ok");
    assert_eq!(new.scrape().get("queue"), Some(&5.0), "the newest says how: one value for all");
    new.kill();
    assert_eq!(old.scrape().get("queue"), Some(&5.0));
}
