//! A process with thousands of series of every kind loads the backend while its threads count: others see all of it, once.
#![cfg(unix)]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use pytheus::backends::{BackendSpec, MultiProcessFileBackend, json, load_backend};
use pytheus::{LabelValue, metric};
use support::scrapes::{Samples, difference};
use support::worker::{Worker, serve};

const THREADS: usize = 8;
const SERIES: usize = 3_000;
/// Of kinds with more cells, and a part of them.
const FEWER: usize = 500;
/// How many steps each thread does at least once the backend is loaded.
const AFTER: usize = 2_000;

#[derive(Clone, Copy, LabelValue)]
enum Size {
    Small,
    Large,
}

#[derive(Clone, Copy, LabelValue)]
enum Outcome {
    Done,
    Failed,
    Late,
}

metric! {
    /// C.
    static WHOLE: Counter = "whole_total";
    /// C.
    static PARTS: Counter = "parts_total" { labels: { n } };
    /// C.
    static BY_N: Counter = "by_n_total" { labels: { n } };
    /// C.
    static CLOSED: Counter = "closed_total" { labels: { size: Size, outcome: Outcome } };
    /// H.
    static TIMES: Histogram = "times" { labels: { n }, buckets: [1.0, 2.0] };
    /// S.
    static SIZES: Summary = "sizes" { labels: { n } };
    /// G.
    static SHARED: Gauge = "shared" { labels: { n } };
    /// G.
    static OWN: Gauge = "own" { labels: { n }, mode: live_sum };
    /// G.
    static MOST: Gauge = "most" { labels: { n }, mode: live_max };
    /// S.
    static STATE: StateSet<Size> = "state" { labels: { n } };
    /// I.
    static FACTS: Info = "facts_info" { labels: { version } };
}

const SIZE: [(Size, &str); 2] = [(Size::Small, "small"), (Size::Large, "large")];
const OUTCOME: [(Outcome, &str); 3] = [(Outcome::Done, "done"), (Outcome::Failed, "failed"), (Outcome::Late, "late")];

fn count(step: usize) {
    WHOLE.inc();
    BY_N.n(step % SERIES).inc();
    PARTS.n(step % FEWER).inc_by(0.5);
    CLOSED.size(SIZE[step % 2].0).outcome(OUTCOME[step % 3].0).inc();
    TIMES.n(step % FEWER).observe(1.5);
    SIZES.n(step % FEWER).observe(4.0);
    SHARED.n(step % FEWER).inc();
    OWN.n(step % FEWER).inc();
    MOST.n(step % FEWER).set((step % FEWER) as f64);
    STATE.n(step % FEWER).set(SIZE[step % FEWER % 2].0);
}

/// What shows once threads have done as many steps each.
fn expected(steps: &[usize]) -> Samples {
    let mut samples = Samples::new();
    // Closed sets show from the start.
    for ((_, size), (_, outcome)) in SIZE.iter().flat_map(|size| OUTCOME.iter().map(move |outcome| (size, outcome))) {
        samples.insert(format!("closed_total{{outcome=\"{outcome}\",size=\"{size}\"}}"), 0.0);
    }
    // What a step does is the same again after so many.
    for step in 0..SERIES {
        let times: usize = steps.iter().map(|steps| steps / SERIES + usize::from(step < steps % SERIES)).sum();
        let mut add = |name: String, amount: f64| *samples.entry(name).or_default() += amount * times as f64;
        let few = step % FEWER;
        add("whole_total".to_owned(), 1.0);
        add(format!("by_n_total{{n=\"{}\"}}", step % SERIES), 1.0);
        add(format!("parts_total{{n=\"{few}\"}}"), 0.5);
        add(format!("closed_total{{outcome=\"{}\",size=\"{}\"}}", OUTCOME[step % 3].1, SIZE[step % 2].1), 1.0);
        add(format!("times_bucket{{n=\"{few}\",le=\"1.0\"}}"), 0.0);
        add(format!("times_bucket{{n=\"{few}\",le=\"2.0\"}}"), 1.0);
        add(format!("times_bucket{{n=\"{few}\",le=\"+Inf\"}}"), 1.0);
        add(format!("times_count{{n=\"{few}\"}}"), 1.0);
        add(format!("times_sum{{n=\"{few}\"}}"), 1.5);
        add(format!("sizes_count{{n=\"{few}\"}}"), 1.0);
        add(format!("sizes_sum{{n=\"{few}\"}}"), 4.0);
        add(format!("shared{{n=\"{few}\"}}"), 1.0);
        add(format!("own{{n=\"{few}\"}}"), 1.0);
    }
    for few in 0..FEWER {
        samples.insert(format!("most{{n=\"{few}\"}}"), few as f64);
        for (number, (_, size)) in SIZE.iter().enumerate() {
            let is_up = f64::from(u8::from(few % 2 == number));
            samples.insert(format!("state{{n=\"{few}\",state=\"{size}\"}}"), is_up);
        }
    }
    samples.insert("facts_info{version=\"1\"}".to_owned(), 1.0);
    samples
}

/// Loads the backend while threads count, and gives how many steps each has done.
fn late(directory: &str) -> String {
    FACTS.version("1").set();
    // All are there by then.
    (0..SERIES).for_each(count);
    let loaded = AtomicBool::new(false);
    let steps = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut steps, mut after) = (0, 0);
                    while after < AFTER {
                        count(steps);
                        steps += 1;
                        after += usize::from(loaded.load(Relaxed));
                    }
                    steps
                })
            })
            .collect();
        let config = json!({ "directory": directory });
        load_backend(BackendSpec::of::<MultiProcessFileBackend>().with_config(config)).expect("there is room");
        loaded.store(true, Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("it counts").to_string()).collect::<Vec<_>>()
    });
    steps.join(" ")
}

fn act(words: &[&str]) -> String {
    match *words {
        ["late", directory] => late(directory),
        _ => format!("what is {words:?}?"),
    }
}

#[test]
fn worker() {
    serve(act);
}

/// What a scrape shows, but for what is always there.
fn shown(worker: &mut Worker) -> Samples {
    let mut samples = worker.scrape();
    samples.retain(|name, _| !name.starts_with("pytheus_"));
    samples
}

fn late_in(worker: &mut Worker, directory: &Path) -> Vec<usize> {
    let answer = worker.ask(&format!("late {}", directory.display()));
    let steps: Result<Vec<_>, _> = answer.split(' ').map(str::parse).collect();
    let mut steps = steps.unwrap_or_else(|_| panic!("{answer}"));
    steps.push(SERIES);
    steps
}

#[test]
fn counts_from_before_a_late_load_appear_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut one = Worker::idle();
    let mut steps = late_in(&mut one, directory.path());
    let mut other = Worker::start(directory.path());
    for worker in [&mut one, &mut other] {
        assert_eq!(difference(&expected(&steps), &shown(worker)), "");
    }
    // What all write goes on from what is there.
    let mut third = Worker::idle();
    steps.extend(late_in(&mut third, directory.path()));
    let expected = expected(&steps);
    for worker in [&mut one, &mut other, &mut third] {
        assert_eq!(difference(&expected, &shown(worker)), "");
    }
    third.kill();
    one.end();
    let mut left = expected;
    left.retain(|name, _| !["own", "most", "facts"].iter().any(|family| name.starts_with(family)));
    assert_eq!(difference(&left, &shown(&mut other)), "");
}
