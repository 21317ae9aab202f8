//! A gauge says how the values of several processes become one, and what of it ends with a process.
#![cfg(unix)]

use std::path::Path;

use pytheus::metric;
use support::worker::{Worker, serve};

metric! {
    /// One for all.
    static SHARED: Gauge = "shared";
    /// The sum of the living.
    static SUM: Gauge = "sum" { mode: live_sum };
    /// The least.
    static LEAST: Gauge = "least" { mode: live_min };
    /// The greatest.
    static GREATEST: Gauge = "greatest" { mode: live_max };
    /// The last that was set.
    static RECENT: Gauge = "recent" { mode: most_recent };
    /// The last that a living process has set.
    static LIVE_RECENT: Gauge = "live_recent" { mode: live_most_recent };
    /// Of a closed set, so that it is there from the start.
    static CLOSED: Gauge = "closed" { labels: { up: bool }, mode: live_min };
    /// Memory, say.
    static MEMORY: Gauge = "memory" { mode: per_process };
    /// Each for itself.
    static EACH: Gauge = "each" { labels: { queue }, mode: per_process };
    /// Work in progress.
    static BUSY: Gauge = "busy" { mode: live_sum };
}

fn act(words: &[&str]) -> String {
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    match *words {
        ["shared", "set", value] => SHARED.set(number(value)),
        ["shared", "add", amount] => SHARED.inc_by(number(amount)),
        ["read", "panics"] => {
            for gauge in [&SHARED, &SUM, &LEAST, &GREATEST, &RECENT, &LIVE_RECENT] {
                gauge.set_function(|| panic!("it can't be read"));
            }
            EACH.queue("a").set_function(|| panic!("it can't be read"));
        }
        ["read", value] => {
            let value = number(value);
            for gauge in [&SHARED, &SUM, &LEAST, &GREATEST, &RECENT, &LIVE_RECENT] {
                gauge.set_function(move || value);
            }
            EACH.queue("a").set_function(move || value);
        }
        ["memory", "read", value] => {
            let value = number(value);
            MEMORY.set_function(move || value);
        }
        ["memory", "set", value] => MEMORY.set(number(value)),
        ["work", "least"] => std::mem::forget(LEAST.track_inprogress()),
        ["clear"] => {
            EACH.clear();
            CLOSED.clear();
        }
        ["closed", value] => CLOSED.up(true).set(number(value)),
        ["work", "shared"] => std::mem::forget(SHARED.track_inprogress()),
        ["work", "busy"] => std::mem::forget(BUSY.track_inprogress()),
        ["set", value] => {
            SUM.set(number(value));
            LEAST.set(number(value));
            GREATEST.set(number(value));
            RECENT.set(number(value));
            LIVE_RECENT.set(number(value));
            EACH.queue("a").set(number(value));
        }
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

fn two(directory: &Path) -> (Worker, Worker) {
    (Worker::start(directory), Worker::start(directory))
}

fn tell(worker: &mut Worker, what: &str) {
    assert_eq!(worker.ask(what), "ok");
}

#[test]
fn each_mode_aggregates_live_processes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = two(directory.path());
    for gauge in ["shared", "sum"] {
        assert_eq!(one.scrape().get(gauge), Some(&0.0), "{gauge} shows from the start");
    }
    tell(&mut other, "set 5");
    tell(&mut one, "set -2");
    let of = |worker: &Worker| format!("each{{pid=\"{}\",queue=\"a\"}}", worker.id());
    let (of_one, of_other) = (of(&one), of(&other));
    let values = |worker: &mut Worker| {
        let samples = worker.scrape();
        let names = ["sum", "least", "greatest", "recent", "live_recent", &of_one, &of_other];
        names.map(|name| samples.get(name).copied())
    };
    let expected = [Some(3.0), Some(-2.0), Some(5.0), Some(-2.0), Some(-2.0), Some(-2.0), Some(5.0)];
    assert_eq!(values(&mut one), expected);
    assert_eq!(values(&mut other), expected);
    tell(&mut other, "set 0");
    tell(&mut one, "set -3");
    let expected = [Some(-3.0), Some(-3.0), Some(0.0), Some(-3.0), Some(-3.0), Some(-3.0), Some(0.0)];
    assert_eq!(values(&mut one), expected);
    one.kill();
    let zero = Some(0.0);
    assert_eq!(values(&mut other), [zero, zero, zero, Some(-3.0), zero, None, zero]);
    other.end();
    let mut third = Worker::start(directory.path());
    assert_eq!(
        values(&mut third),
        [zero, None, None, Some(-3.0), None, None, None],
        "the last backup is not forgotten"
    );
}

#[test]
fn an_unset_gauge_is_hidden_where_zero_is_no_value() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = two(directory.path());
    let shown = |worker: &mut Worker, family: &str| {
        let is_it = |name: &&String| name.split('{').next() == Some(family);
        worker.scrape().keys().filter(is_it).cloned().collect::<Vec<_>>()
    };
    let unset = ["least", "greatest", "recent", "live_recent", "each", "memory", "closed"];
    for worker in [&mut one, &mut other] {
        for family in unset {
            assert_eq!(shown(worker, family), [""; 0], "nobody has set {family}");
        }
    }
    tell(&mut one, "closed 0");
    tell(&mut one, "set 0");
    tell(&mut one, "work least");
    assert_eq!(other.scrape().get("least"), Some(&1.0), "work in progress is a value");
    assert_eq!(shown(&mut other, "closed"), [r#"closed{up="true"}"#]);
    assert_eq!(shown(&mut other, "each").len(), 1);
    tell(&mut one, "clear");
    for worker in [&mut one, &mut other] {
        assert_eq!([shown(worker, "closed"), shown(worker, "each")], [[""; 0]; 2], "not set since it was cleared");
    }
}

#[test]
fn processes_of_several_pid_namespaces_show_side_by_side() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::in_pid_namespace(directory.path());
    let (Some(mut one), Some(mut other)) = (start(), start()) else {
        panic!("this user gets no PID namespace from the system: run the test as root, or allow user namespaces");
    };
    tell(&mut one, "memory set 100");
    tell(&mut other, "memory set 200");
    let memory = |worker: &mut Worker| {
        let samples = worker.scrape();
        let all = samples.iter().filter(|(name, _)| name.starts_with("memory"));
        let mut all: Vec<_> = all.map(|(name, value)| (name.clone(), *value)).collect();
        all.sort_by(|one, other| one.1.total_cmp(&other.1));
        all
    };
    let both = memory(&mut one);
    let values: Vec<_> = both.iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [100.0, 200.0], "{both:?}");
    assert_eq!(both[0].0, r#"memory{pid="1"}"#);
    assert!(both[1].0.starts_with(r#"memory{pid="1-"#), "{both:?}");
    assert_eq!(memory(&mut other), both);
    // What a closure reads has the same label as what was set.
    tell(&mut other, "memory read 300");
    let read = memory(&mut other);
    assert_eq!(read, [both[0].clone(), (both[1].0.clone(), 300.0)]);
    one.end();
    assert_eq!(memory(&mut other), [(both[1].0.clone(), 300.0)], "nobody is renamed");
}

#[test]
fn a_shared_gauge_is_one_value_that_outlives_its_processes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = two(directory.path());
    let value = |worker: &mut Worker| worker.scrape().get("shared").copied();
    tell(&mut one, "shared add 2");
    tell(&mut other, "shared add 3");
    assert_eq!(value(&mut one), Some(5.0));
    tell(&mut other, "shared set 10");
    tell(&mut one, "shared add -1");
    assert_eq!(value(&mut other), Some(9.0));
    tell(&mut one, "work shared");
    assert_eq!(value(&mut other), Some(10.0));
    one.kill();
    assert_eq!(value(&mut other), Some(9.0), "its work ends with it, what it has set does not");
    other.kill();
    assert_eq!(value(&mut Worker::start(directory.path())), Some(9.0));
}

#[test]
fn a_killed_process_leaves_no_work_in_progress() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = two(directory.path());
    for worker in [&mut one, &mut other] {
        tell(worker, "work busy");
        tell(worker, "work busy");
    }
    assert_eq!(other.scrape().get("busy"), Some(&4.0));
    one.kill();
    assert_eq!(other.scrape().get("busy"), Some(&2.0));
}

#[test]
fn a_closure_shows_in_scrapes_of_its_own_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = two(directory.path());
    tell(&mut other, "set 5");
    tell(&mut other, "shared set 5");
    tell(&mut one, "read 7");
    let of = |worker: &Worker| format!("each{{pid=\"{}\",queue=\"a\"}}", worker.id());
    let (of_one, of_other) = (of(&one), of(&other));
    let values = |worker: &mut Worker| {
        let samples = worker.scrape();
        ["shared", "sum", "least", "greatest", "live_recent", &of_one, &of_other].map(|name| samples.get(name).copied())
    };
    let [all, own] = [Some(7.0), Some(5.0)];
    assert_eq!(values(&mut one), [all, all, all, all, all, all, own]);
    assert_eq!(values(&mut other), [own, own, own, own, own, None, own], "nobody else can ask the closure");
    // Whatever is set meanwhile, here or there.
    tell(&mut one, "set 9");
    tell(&mut other, "set 6");
    assert_eq!(values(&mut one), [all, all, all, all, all, all, Some(6.0)]);
    // One that panics leaves its series out; others stay.
    tell(&mut one, "read panics");
    assert_eq!(values(&mut one), [None, None, None, None, None, None, Some(6.0)]);
    assert_eq!(one.scrape().get("busy"), Some(&0.0));
    other.kill();
    tell(&mut one, "read 8");
    let all = Some(8.0);
    assert_eq!(values(&mut one), [all, all, all, all, all, all, None]);
}
