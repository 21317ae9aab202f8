//! Processes of Python's pytheus and of this crate share a Redis: both count in the same families, and each shows the sum.
#![cfg(unix)]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use pytheus::backends::{Value, json};
use servers::counting::{serve, start};
use servers::python::{Metrics, ODD, Python, Samples, call, samples, value};
use servers::server::Server;
use support::worker::Worker;

/// Not a test by itself: a worker process.
#[test]
fn worker() {
    let mut metrics = None;
    serve(|words| {
        let outcome = match (words, &metrics) {
            (["declare"], _) => Metrics::new().map(|new| metrics = Some(new)),
            (["remove", name], Some(Metrics { by_label, .. })) if *name == by_label.descriptor().name() => {
                by_label.clear();
                Ok(())
            }
            (call, Some(metrics)) => metrics.act(&call.join(" ").parse().expect("a call")),
            other => panic!("{other:?}"),
        };
        outcome.map_or_else(|error| format!("error: {error}"), |()| "ok".to_owned())
    });
}

/// Starts a worker with a long timeout, for busy machines.
fn rust(redis: &Server) -> Worker {
    rust_with(redis, 30.0)
}

fn rust_with(redis: &Server, timeout: f64) -> Worker {
    let mut worker = start(&json!({"port": redis.port(), "layout": "pytheus-python", "timeout": timeout}));
    assert_eq!(worker.ask("declare"), "ok");
    worker
}

/// The calls of both languages.
fn calls() -> Vec<Value> {
    let mut calls = vec![
        call("inc", "plain_total", &[], 1.0),
        call("inc", "plain_total", &[], 0.5),
        call("inc", "by_default_total", &[("path", "/")], 2.0),
        call("inc", "by_default_total", &[("path", "/"), ("region", "us")], 3.0),
        call("inc", "all_default_total", &[("region", "us")], 4.0),
        call("inc", "level", &[], 7.25),
        call("dec", "level", &[], 0.25),
        call("inc", "level_by_label", &[("room", "kitchen")], 1.5),
        call("inc", "busy", &[], 3.0),
    ];
    for value in [0.25, 0.5, 1.0, 2.0, 7.0, 1024.0] {
        calls.push(call("observe", "times", &[], value));
        calls.push(call("observe", "sizes", &[], value));
        calls.push(call("observe", "sizes_by_label", &[("method", "GET")], value));
        calls.push(call("observe", "times_by_label", &[("method", "GET"), ("path", ODD[1])], value));
    }
    for odd in ODD {
        calls.push(call("inc", "by_label_total", &[("method", "GET"), ("path", odd)], 1.0));
        calls.push(call("set", "level_by_label", &[("room", odd)], 3.0));
    }
    calls
}

/// Returns the samples of both, asserting that they are equal.
#[track_caller]
fn alike(python: &mut Python, rust: &mut Worker) -> Samples {
    let text = rust.ask("scrape");
    assert!(!text.starts_with("error: "), "{text}");
    let rust = samples(&text);
    let python = samples(&python.ask(&json!(["scrape"])));
    for key in rust.keys().chain(python.keys()) {
        assert_eq!(rust.get(key), python.get(key), "{key:?}, in Rust and in Python");
    }
    rust
}

#[track_caller]
fn shows_twice_the_calls(shown: &Samples) {
    let get: &[_] = &[("method", "GET")];
    let of = |labels: &[(&'static str, &'static str)], le| [labels, &[("le", le)]].concat();
    let odd: &[_] = &[("method", "GET"), ("path", ODD[1])];
    for (name, labels, expected) in [
        ("plain_total", vec![], 3.0),
        ("by_default_total", vec![("path", "/"), ("region", "eu")], 4.0),
        ("by_default_total", vec![("path", "/"), ("region", "us")], 6.0),
        ("all_default_total", vec![("region", "eu")], 0.0),
        ("all_default_total", vec![("region", "us")], 8.0),
        ("level", vec![], 14.0),
        ("level_by_label", vec![("room", "kitchen")], 3.0),
        ("busy", vec![], 6.0),
        ("times_bucket", of(&[], "0.5"), 4.0),
        ("times_bucket", of(&[], "1"), 6.0),
        ("times_bucket", of(&[], "10"), 10.0),
        ("times_bucket", of(&[], "inf"), 12.0),
        ("times_count", vec![], 12.0),
        ("times_sum", vec![], 2.0 * 1034.75),
        ("times_by_label_bucket", of(odd, "0.00001"), 0.0),
        ("times_by_label_bucket", of(odd, "1"), 6.0),
        ("times_by_label_bucket", of(odd, "2.5"), 8.0),
        ("times_by_label_count", odd.to_vec(), 12.0),
        ("sizes_count", vec![], 12.0),
        ("sizes_by_label_sum", get.to_vec(), 2.0 * 1034.75),
    ] {
        assert_eq!(value(shown, name, &labels), Some(expected), "{name} {labels:?}: {shown:#?}");
    }
    for odd in ODD {
        assert_eq!(value(shown, "by_label_total", &[("method", "GET"), ("path", odd)]), Some(2.0), "{odd:?}");
        assert_eq!(value(shown, "level_by_label", &[("room", odd)]), Some(3.0), "{odd:?}");
    }
}

#[test]
fn rust_counts_in_series_that_python_began() {
    let redis = Server::start();
    let (mut python, mut rust) = (Python::start(&redis), rust(&redis));
    for call in calls() {
        assert_eq!(python.ask(&call), "ok");
        assert_eq!(rust.ask(&call.to_string()), "ok");
    }
    shows_twice_the_calls(&alike(&mut python, &mut rust));
}

#[test]
fn python_counts_in_series_that_rust_began() {
    let redis = Server::start();
    let mut rust = rust(&redis);
    for call in calls() {
        assert_eq!(rust.ask(&call.to_string()), "ok");
    }
    assert_eq!(rust.ask("flush"), "ok");
    let mut python = Python::start(&redis);
    for call in calls() {
        assert_eq!(python.ask(&call), "ok");
    }
    shows_twice_the_calls(&alike(&mut python, &mut rust));
}

#[test]
fn gauges_are_shared_with_python() {
    let redis = Server::start();
    let (mut python, mut rust) = (Python::start(&redis), rust(&redis));
    for (value, more) in [(4.0, 0.5), (-0.25, -3.0), (1e100, 0.0)] {
        python.ask(&call("set", "level", &[], value));
        assert_eq!(value_of(&alike(&mut python, &mut rust), "level"), value);
        rust.ask(&call("inc", "level", &[], more).to_string());
        assert_eq!(value_of(&alike(&mut python, &mut rust), "level"), value + more);
        rust.ask(&call("set", "level", &[], value).to_string());
        assert_eq!(value_of(&alike(&mut python, &mut rust), "level"), value);
        python.ask(&call("inc", "level", &[], more));
        assert_eq!(value_of(&alike(&mut python, &mut rust), "level"), value + more);
    }
    // The share of a process in a live gauge ends with it.
    python.ask(&call("inc", "busy", &[], 2.0));
    rust.ask(&call("inc", "busy", &[], 5.0).to_string());
    assert_eq!(value_of(&alike(&mut python, &mut rust), "busy"), 7.0);
    assert_eq!(rust.ask("shutdown"), "ok");
    let shown = samples(&python.ask(&json!(["scrape"])));
    assert_eq!(value_of(&shown, "busy"), 2.0);
}

#[track_caller]
fn value_of(samples: &Samples, name: &str) -> f64 {
    value(samples, name, &[]).expect("it is there")
}

#[test]
fn labels_in_the_order_of_python_are_one_series() {
    let redis = Server::start();
    let (mut python, mut rust) = (Python::start(&redis), rust(&redis));
    let (here, there) = ([("method", "GET"), ("path", "/")], [("path", "/"), ("method", "GET")]);
    python.ask(&call("inc", "by_label_total", &there, 1.0));
    python.ask(&call("observe", "times_by_label", &there, 1.0));
    rust.ask(&call("inc", "by_label_total", &here, 1.0).to_string());
    rust.ask(&call("observe", "times_by_label", &here, 2.0).to_string());
    // A new series of Rust has the order of the others.
    rust.ask(&call("inc", "by_label_total", &[("method", "GET"), ("path", "/new")], 1.0).to_string());
    rust.ask("flush");
    python.ask(&call("inc", "by_label_total", &[("path", "/new"), ("method", "GET")], 1.0));
    let shown = alike(&mut python, &mut rust);
    assert_eq!(value(&shown, "by_label_total", &here), Some(2.0));
    assert_eq!(value(&shown, "by_label_total", &[("method", "GET"), ("path", "/new")]), Some(2.0));
    assert_eq!(value(&shown, "times_by_label_count", &here), Some(2.0));
    // Two processes of Python have a series in both orders: it shows once here.
    Python::start(&redis).ask(&call("inc", "by_label_total", &here, 5.0));
    let shown = samples(&rust.ask("scrape"));
    assert_eq!(value(&shown, "by_label_total", &here), Some(7.0));
}

/// Returns the reply to a command of words without spaces.
#[track_caller]
fn say(redis: &Server, command: &str) -> String {
    redis.ask(&command.split(' ').collect::<Vec<_>>()).text()
}

#[test]
fn removed_series_are_gone_for_both_languages() {
    let redis = Server::start();
    let (mut python, mut rust) = (Python::start(&redis), rust(&redis));
    let (here, there) = ([("method", "GET"), ("path", "/")], [("path", "/"), ("method", "GET")]);
    rust.ask(&call("inc", "by_label_total", &here, 1.0).to_string());
    rust.ask("flush");
    python.ask(&call("inc", "by_label_total", &there, 1.0));
    assert_eq!(rust.ask("remove by_label_total"), "ok");
    let shown = samples(&rust.ask("scrape"));
    assert_eq!(value(&shown, "by_label_total", &here), None);
    assert_eq!(say(&redis, "EXISTS by_label_total"), "0");
    python.ask(&call("inc", "by_label_total", &here, 1.0));
    rust.ask(&call("inc", "by_label_total", &here, 3.0).to_string());
    let shown = samples(&rust.ask("scrape"));
    assert_eq!(value(&shown, "by_label_total", &here), Some(4.0));
}

#[test]
fn keys_expire_as_in_python() {
    let redis = Server::start();
    let mut rust = rust(&redis);
    for call in calls() {
        rust.ask(&call.to_string());
    }
    rust.ask("flush");
    for keeps in ["flush", "scrape"] {
        rust.ask(&call("inc", "plain_total", &[], 1.0).to_string());
        rust.ask(keeps);
        for key in
            ["plain_total", "by_label_total", "times:0.5", "times:1", "times:+Inf", "times_by_label:1e-05", "sizes:sum"]
        {
            let left: u32 = say(&redis, &format!("TTL {key}")).parse().expect("a number");
            assert!((3_000..=3_600).contains(&left), "{key} after {keeps}: {left}");
        }
        // As if time had passed.
        say(&redis, "EXPIRE plain_total 100");
        say(&redis, "EXPIRE by_label_total 100");
    }
    // The series starts over, as in Python.
    say(&redis, "DEL plain_total");
    assert_eq!(value_of(&samples(&rust.ask("scrape")), "plain_total"), 0.0);
    rust.ask(&call("inc", "plain_total", &[], 2.0).to_string());
    assert_eq!(value_of(&samples(&rust.ask("scrape")), "plain_total"), 2.0);
}

#[test]
fn a_key_of_another_type_affects_no_other_metric() {
    let redis = Server::start();
    // From versions in which one metric had labels, and the other none.
    say(&redis, "HSET plain_total {} 7");
    say(&redis, "SET by_default_total 7");
    let mut rust = rust(&redis);
    rust.ask(&call("inc", "plain_total", &[], 1.0).to_string());
    rust.ask(&call("inc", "by_default_total", &[("path", "/")], 1.0).to_string());
    rust.ask(&call("inc", "by_label_total", &[("method", "GET"), ("path", "/")], 1.0).to_string());
    let shown = samples(&rust.ask("scrape"));
    assert_eq!(value(&shown, "by_label_total", &[("method", "GET"), ("path", "/")]), Some(1.0));
    assert_eq!(value_of(&shown, "plain_total"), 0.0);
    assert_eq!(value(&shown, "by_default_total", &[("path", "/"), ("region", "eu")]), None);
    assert_eq!(say(&redis, "GET by_default_total"), "7");
    say(&redis, "DEL plain_total");
    rust.ask(&call("inc", "plain_total", &[], 1.0).to_string());
    assert_eq!(value_of(&samples(&rust.ask("scrape")), "plain_total"), 1.0);
}

#[test]
fn a_value_without_a_number_fails_scrapes_as_in_python() {
    let redis = Server::start();
    let (mut python, mut rust) = (Python::start(&redis), rust(&redis));
    rust.ask(&call("inc", "plain_total", &[], 1.0).to_string());
    assert_eq!(rust.ask("flushed"), "ok");
    say(&redis, "SET plain_total words");
    let error = rust.ask("scrape");
    assert!(error.contains("`plain_total` has `words`, which is no number"), "{error}");
    say(&redis, "SET plain_total 1");
    assert_eq!(value_of(&alike(&mut python, &mut rust), "plain_total"), 1.0);
}

#[test]
fn counts_during_a_pause_of_redis_show_once() {
    let redis = Server::start();
    let (mut python, mut rust) = (Python::start(&redis), rust_with(&redis, 1.0));
    rust.ask(&call("inc", "plain_total", &[], 1.0).to_string());
    let hanging = redis.hang();
    let error = rust.ask("flush");
    assert!(error.starts_with("error: "), "{error}");
    let error = rust.ask("scrape");
    assert!(error.starts_with("error: "), "{error}");
    rust.ask(&call("inc", "plain_total", &[], 2.0).to_string());
    drop(hanging);
    assert_eq!(rust.ask("flushed"), "ok");
    assert_eq!(value_of(&alike(&mut python, &mut self::rust(&redis)), "plain_total"), 3.0);
}

#[test]
fn many_processes_of_both_languages_count_at_once() {
    let redis = Server::start();
    let (mut pythons, mut rusts) = ([(); 2].map(|()| Python::start(&redis)), [(); 2].map(|()| rust(&redis)));
    let calls = calls();
    std::thread::scope(|scope| {
        for python in &mut pythons {
            let ask = |python: &mut Python| calls.iter().for_each(|call| assert_eq!(python.ask(call), "ok"));
            scope.spawn(move || (0..5).for_each(|_| ask(python)));
        }
        for rust in &mut rusts {
            let ask = |rust: &mut Worker| calls.iter().for_each(|call| assert_eq!(rust.ask(&call.to_string()), "ok"));
            scope.spawn(move || (0..5).for_each(|_| ask(rust)));
        }
    });
    assert_eq!(rusts[1].ask("flush"), "ok");
    for python in &mut pythons {
        let shown = alike(python, &mut rusts[0]);
        assert_eq!(value_of(&shown, "plain_total"), 30.0);
        assert_eq!(value_of(&shown, "times_sum"), 20.0 * 1034.75);
        assert_eq!(value(&shown, "times_bucket", &[("le", "1")]), Some(60.0));
        assert_eq!(value(&shown, "by_label_total", &[("method", "GET"), ("path", ODD[3])]), Some(20.0));
    }
}
