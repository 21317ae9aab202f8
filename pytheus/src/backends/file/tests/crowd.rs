//! Many processes at once, and very many in sequence.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::child;
use super::process::{Process, fold_all, fresh, jobs, names, shown};
use crate::backends::file::dir::directory::Directory;
use crate::backends::file::dir::roster;
use crate::model::number::Number;

/// Task of a child: attach, count 5 and end, 50 times over, and archive ended processes each time.
pub(crate) const COME_AND_GO: &str = "come and go";

/// Task of a child: attach, count and end, 500 times over, and archive from 32 ended processes on.
pub(crate) const SHORT_LIVES: &str = "short lives";

fn total(directory: &Directory) -> f64 {
    shown(directory).values().map(|number| number.as_f64()).sum()
}

#[test]
fn concurrent_archiving_counts_everything_once() {
    let (_around, directory) = fresh();
    let mut children: Vec<_> = (0..6).map(|_| child::start(COME_AND_GO, directory.path(), None)).collect();
    let mut last = 0.0;
    loop {
        let running = children.iter_mut().any(|child| child.try_wait().expect("it can be waited for").is_none());
        let now = total(&directory);
        assert!(now >= last, "{now} after {last}");
        last = now;
        if !running {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(children.iter_mut().all(|child| child.wait().expect("it can be waited for").success()));
    assert_eq!(shown(&directory).into_values().collect::<Vec<_>>(), [Number::Int(6 * 50 * 5)]);
    fold_all(&directory);
    assert_eq!(shown(&directory).into_values().collect::<Vec<_>>(), [Number::Int(6 * 50 * 5)]);
    assert_eq!(names(&directory), ["archive", "lock", "roster", "shared"]);
}

/// Task of a child: the same without end, with `<` on standard output before it counts 5, and `>` afterwards.
pub(crate) const UNTIL_KILLED: &str = "until killed";

/// Prints `>` when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn killed_processes_lose_no_count() {
    let (_around, directory) = fresh();
    let (mut started, mut done) = (0, 0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = 0.0;
            while !is_over.load(Relaxed) {
                let now = total(&directory);
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
        let _over = Over(&is_over);
        // Wait longer where nothing was counted so far: the machine may be busy.
        for round in 0..100 {
            if round >= 20 && done > 0 {
                break;
            }
            let start = || {
                let mut command = child::command(UNTIL_KILLED, directory.path());
                command.stderr(Stdio::piped()).spawn().expect("a child can be started")
            };
            let children = [start(), start(), start()];
            thread::sleep(Duration::from_millis(10 + round * 17 % 60 + round / 20 * 200));
            for mut child in children {
                child.kill().expect("it is there");
                let output = child.wait_with_output().expect("it can be waited for").stderr;
                let output = String::from_utf8_lossy(&output);
                started += output.matches('<').count();
                done += output.matches('>').count();
            }
        }
    });
    assert!(done > 0, "nothing was counted");
    let total_before = total(&directory);
    assert!((done as f64 * 5.0..=started as f64 * 5.0).contains(&total_before), "{done} to {started}: {total_before}");
    directory.acquire_lock().and_then(|locked| roster::clean(&locked)).expect("it is ours");
    fold_all(&directory);
    assert_eq!(total(&directory).to_string(), total_before.to_string());
    assert_eq!(names(&directory), ["archive", "lock", "roster", "shared"]);
}

#[test]
fn ten_thousand_short_lived_processes_leave_a_bounded_number_of_files() {
    let (_around, directory) = fresh();
    let start = Instant::now();
    for _ in 0..10 {
        let children: Vec<_> = (0..2).map(|_| child::start(SHORT_LIVES, directory.path(), None)).collect();
        for mut child in children {
            assert!(child.wait().expect("it can be waited for").success());
        }
        let files = names(&directory).len();
        assert!(files < 3 + 40, "{files} files");
    }
    eprintln!("10,000 short lives: {:?}", start.elapsed());
    assert!((total(&directory) - 10_000.0 * 3.5).abs() < 1e-9);
    let archive = std::fs::metadata(directory.archive()).expect("it is there").len();
    assert!(archive < 10_000, "{archive} bytes");
}

#[test]
fn a_thousand_ended_processes_are_archived_at_once() {
    for ended in [32, 320, 1000] {
        let (_around, directory) = fresh();
        for _ in 0..ended {
            let mut process = Process::begin(&directory);
            for queue in ["a", "b", "c"] {
                process.count_in(&jobs(), &[queue], 1, 0.0);
            }
        }
        let start = Instant::now();
        let folded = fold_all(&directory);
        eprintln!("{ended} dead are folded in {:?}", start.elapsed());
        assert_eq!(folded.files, ended);
        assert!(shown(&directory).into_values().eq([Number::Int(ended as u64); 3]));
    }
}
