//! Work in progress that goes from thread to thread, while others look at it and set the gauge.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use pytheus::metrics::{Gauge, InProgress};

const PAIRS: u32 = 2;

/// Guards that begin in this thread and end in another, one after the other.
fn pass_on(work: &Gauge, times: u32) {
    let (to, from) = mpsc::sync_channel::<InProgress>(0);
    thread::scope(|scope| {
        scope.spawn(move || from.into_iter().for_each(drop));
        for _ in 0..times {
            to.send(work.track_inprogress()).expect("the other thread takes all of them");
        }
        drop(to);
    });
}

#[test]
fn a_set_takes_account_of_work_that_goes_from_thread_to_thread() {
    let work = Gauge::builder("set_work", "Work.").unregistered().build().expect("a good name");
    // At most one that is on its way, and the next, of each pair.
    let most = f64::from(2 * PAIRS);
    for _ in 0..40 {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let setter = scope.spawn(|| {
                while !done.load(Relaxed) {
                    work.set(0.0);
                    let seen = work.get();
                    assert!(seen >= -most, "{seen} after a set to 0 with at most {most} in progress");
                }
            });
            let pairs: Vec<_> = (0..PAIRS).map(|_| scope.spawn(|| pass_on(&work, 500))).collect();
            let ended = pairs.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>();
            done.store(true, Relaxed);
            for pair in ended {
                pair.expect("all guards are passed on");
            }
            setter.join().expect("no set goes too far");
        });
        let left = work.get();
        assert!((-most..=0.0).contains(&left), "{left} is left of at most {most} that a set saw in progress");
        work.set(0.0);
        assert_eq!(work.get(), 0.0);
    }
}

#[test]
fn work_in_progress_is_never_seen_below_zero() {
    let work = Gauge::builder("seen_work", "Work.").unregistered().build().expect("a good name");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Relaxed) {
                let seen = work.get();
                assert!(seen >= 0.0, "{seen} in progress");
            }
        });
        let pairs: Vec<_> = (0..PAIRS).map(|_| scope.spawn(|| pass_on(&work, 20_000))).collect();
        let ended = pairs.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>();
        done.store(true, Relaxed);
        for pair in ended {
            pair.expect("all guards are passed on");
        }
        watcher.join().expect("nothing below zero is seen");
    });
    assert_eq!(work.get(), 0.0);
}
