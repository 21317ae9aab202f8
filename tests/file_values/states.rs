//! States that hold, and facts that are stated: what several processes say of them.
#![cfg(unix)]

use pytheus::{LabelValue, metric};
use support::scrapes::Samples;
use support::worker::{Worker, serve};

#[derive(Clone, Copy, LabelValue)]
enum Phase {
    Starting,
    Running,
}

metric! {
    /// What all do.
    static PHASE: StateSet<Phase> = "phase";
    /// What each part does.
    static OF_PART: StateSet<Phase> = "part_phase" { labels: { part } };
    /// What runs.
    static BUILD: Info = "build_info" { labels: { version } };
}

fn act(words: &[&str]) -> String {
    let phase = |name: &str| if name == "running" { Phase::Running } else { Phase::Starting };
    match *words {
        ["set", state] => PHASE.set(phase(state)),
        ["enable", state] => PHASE.enable(phase(state)),
        ["disable", state] => PHASE.disable(phase(state)),
        ["set", part, state] => OF_PART.part(part).set(phase(state)),
        ["disable", part, state] => OF_PART.part(part).disable(phase(state)),
        ["remove", part] => return OF_PART.part(part).remove().to_string(),
        ["version", version] => BUILD.version(version).set(),
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

fn tell(worker: &mut Worker, what: &str) {
    assert_eq!(worker.ask(what), "ok");
}

/// Whether it starts, and whether it runs.
fn phase(worker: &mut Worker) -> [Option<f64>; 2] {
    let samples = worker.scrape();
    ["starting", "running"].map(|state| samples.get(&format!("phase{{phase=\"{state}\"}}")).copied())
}

fn phase_of_part(worker: &mut Worker) -> [Option<f64>; 2] {
    let samples = worker.scrape();
    ["starting", "running"]
        .map(|state| samples.get(&format!("part_phase{{part=\"a\",part_phase=\"{state}\"}}")).copied())
}

const NEITHER: [Option<f64>; 2] = [Some(0.0), Some(0.0)];
const STARTING: [Option<f64>; 2] = [Some(1.0), Some(0.0)];
const RUNNING: [Option<f64>; 2] = [Some(0.0), Some(1.0)];
const BOTH: [Option<f64>; 2] = [Some(1.0), Some(1.0)];

#[test]
fn a_state_set_is_shared_by_all_processes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    let mut all = |who: usize, what: &str, expected| {
        let workers = [&mut one, &mut other];
        if !what.is_empty() {
            assert_eq!(workers[who].ask(what), "ok");
        }
        for worker in workers {
            assert_eq!(phase(worker), expected, "after: {what}");
        }
    };
    all(0, "", NEITHER);
    all(0, "set starting", STARTING);
    all(1, "enable running", BOTH);
    all(0, "disable starting", RUNNING);
    all(1, "set starting", STARTING);
    all(0, "disable starting", NEITHER);
    all(1, "enable running", RUNNING);
    one.kill();
    assert_eq!(phase(&mut other), RUNNING, "what was set outlives the process");
    other.kill();
    assert_eq!(phase(&mut Worker::start(directory.path())), RUNNING);
}

#[test]
fn states_with_labels_show_from_when_one_was_set_until_they_are_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut one, mut other) = (start(), start());
    assert_eq!(phase_of_part(&mut one), [None; 2]);
    tell(&mut one, "set a running");
    assert_eq!(phase_of_part(&mut other), RUNNING);
    tell(&mut other, "disable a running");
    for worker in [&mut one, &mut other] {
        assert_eq!(phase_of_part(worker), NEITHER);
    }
    assert_eq!(one.ask("remove a"), "true");
    for worker in [&mut one, &mut other] {
        assert_eq!(phase_of_part(worker), [None; 2]);
    }
    tell(&mut other, "set a starting");
    for worker in [&mut one, &mut other] {
        assert_eq!(phase_of_part(worker), STARTING);
    }
    // By one that has never had it.
    let mut third = start();
    assert_eq!(third.ask("remove a"), "false");
    for worker in [&mut third, &mut one, &mut other] {
        assert_eq!(phase_of_part(worker), [None; 2]);
    }
    tell(&mut third, "disable a running");
    for worker in [&mut third, &mut one, &mut other] {
        assert_eq!(phase_of_part(worker), NEITHER, "it is there again, though no state holds");
    }
}

fn facts(worker: &mut Worker) -> Vec<String> {
    let samples: Samples = worker.scrape();
    samples
        .into_iter()
        .filter(|(name, _)| name.starts_with("build_info"))
        .map(|(name, value)| {
            assert!((value - 1.0).abs() < f64::EPSILON, "{name} is {value}");
            name
        })
        .collect()
}

#[test]
fn info_metrics_are_of_live_processes() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut one, mut other) = (start(), start());
    let [first, second] = ["1", "2"].map(|version| format!("build_info{{version=\"{version}\"}}"));
    assert_eq!(facts(&mut one), [""; 0], "nobody has said anything yet");
    tell(&mut one, "version 1");
    tell(&mut other, "version 1");
    for worker in [&mut one, &mut other] {
        assert_eq!(facts(worker), std::slice::from_ref(&first), "said twice, they are there once");
    }
    // In place of what this process has said; not of what the other one has.
    tell(&mut one, "version 2");
    for worker in [&mut one, &mut other] {
        assert_eq!(facts(worker), [first.clone(), second.clone()]);
    }
    tell(&mut one, "version 2");
    assert_eq!(facts(&mut other), [first.clone(), second.clone()]);
    one.kill();
    assert_eq!(facts(&mut other), std::slice::from_ref(&first), "what a process says ends with it");
    let mut next = start();
    tell(&mut next, "version 2");
    other.end();
    assert_eq!(facts(&mut next), [second]);
}
