//! A child sends what it has counted itself, as a writer of its own, whatever other threads were doing when it was forked.
#![cfg(unix)]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use pytheus::backends::custom::{Backend, Batch};
use pytheus::backends::{BackendError, BackendSpec, flush, load_backend};
use pytheus::metric;
use support::fork::{fork, on_threads};
use support::scrapes::Raise;

const FORKS: u32 = 30;

metric! {
    /// Anything.
    static SENT: Counter = "sent_total";
    /// Of children alone.
    static CHILDREN: Counter = "children_total" { labels: { n } };
    /// How long it took.
    static TOOK: Histogram = "took_seconds" { buckets: [1.0] };
}

/// Writes down all that it is sent, one piece for each batch, where all processes do.
struct Notes(File);

impl Backend for Notes {
    fn interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(2))
    }

    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        let mut text = format!("batch {} {}\n", batch.writer, batch.sequence);
        for change in &batch.changes {
            // The sum of a histogram is in there, too.
            let delta: f64 = change.deltas.iter().map(|delta| delta.as_f64()).sum();
            writeln!(text, "{} {delta}", change.family.name())?;
        }
        Ok((&self.0).write_all(text.as_bytes())?)
    }
}

fn count(times: u32) {
    for n in 0..times {
        SENT.inc();
        CHILDREN.n(n).inc();
        TOOK.observe(1.0);
    }
}

/// How much was sent of each family, once it is sure that each batch was another.
fn sent(path: &Path) -> [f64; 3] {
    let text = fs::read_to_string(path).expect("it is there");
    let (mut batches, mut sums) = (HashSet::new(), [0.0; 3]);
    for line in text.lines() {
        if line.starts_with("batch ") {
            assert!(batches.insert(line), "{line} is there twice");
            continue;
        }
        let (name, delta) = line.split_once(' ').expect("two words");
        let names = ["sent_total", "children_total", "took_seconds"];
        if let Some(place) = names.iter().position(|known| *known == name) {
            sums[place] += delta.parse::<f64>().expect("a number");
        }
    }
    sums
}

#[test]
fn what_is_counted_in_a_process_and_its_children_is_sent_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes");
    let file = File::options().create(true).append(true).open(&path).expect("it can be made");
    count(3);
    load_backend(BackendSpec::instance(Arc::new(Notes(file)))).expect("nothing else is loaded");
    let done = AtomicBool::new(false);
    let counted: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut times = 0_u64;
                    while !done.load(Relaxed) {
                        SENT.inc();
                        TOOK.observe(1.0);
                        times += 1;
                    }
                    times
                })
            })
            .collect();
        let end = Raise(&done);
        for _ in 0..FORKS {
            fork(|| {
                count(10);
                fork(|| {
                    on_threads(1, |_| count(5));
                    flush().expect("it is written");
                });
                count(1);
                flush().expect("it is written");
            });
        }
        drop(end);
        threads.into_iter().map(|thread| thread.join().expect("it counts")).sum()
    });
    flush().expect("it is written");
    let by_children = f64::from(FORKS * 16 + 3);
    let all = counted as f64 + by_children;
    // The observations, each of one, and their sum.
    assert_eq!(sent(&path), [all, by_children, 2.0 * all]);
}
