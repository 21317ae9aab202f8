//! Guards and closures: whichever way the work ends, the gauge returns and the time is taken once.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use pytheus::metrics::{Gauge, Histogram, Summary};

type TestResult = Result<(), Box<dyn Error>>;

fn gauge() -> Gauge {
    Gauge::builder("busy", "Busy.").unregistered().build().expect("the description is right")
}

fn histogram() -> Histogram {
    Histogram::builder("time_seconds", "Time.").unregistered().build().expect("the description is right")
}

/// Panics without a word on standard error.
fn panic() -> ! {
    resume_unwind(Box::new("on purpose"))
}

fn panics(work: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err(), "it was to panic");
}

#[test]
fn work_in_progress_ends_with_its_guard() {
    let busy = gauge();
    busy.set(5.0);
    let first = busy.track_inprogress();
    let second = busy.track_inprogress();
    assert_eq!(busy.get(), 7.0);
    drop(first);
    assert_eq!(busy.get(), 6.0);
    drop(second);
    assert_eq!(busy.get(), 5.0);
}

#[test]
fn work_in_progress_ends_with_a_panic_an_early_return_and_a_break() {
    let busy = gauge();
    panics(|| {
        let _guard = busy.track_inprogress();
        panic();
    });
    let early = |give_up: bool| -> Option<()> {
        let _guard = busy.track_inprogress();
        (!give_up).then_some(())?;
        Some(())
    };
    assert_eq!((early(true), early(false)), (None, Some(())));
    loop {
        let _guard = busy.track_inprogress();
        if busy.get() > 0.0 {
            break;
        }
    }
    assert_eq!(busy.get(), 0.0);
}

#[test]
fn a_guard_may_end_in_another_thread() {
    let busy = gauge();
    let guard = busy.track_inprogress();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
    assert_eq!(busy.get(), 0.0);
}

#[test]
fn a_closure_is_in_progress_while_it_runs() {
    let busy = gauge();
    assert_eq!(busy.track_inprogress_call(|| busy.get()), 1.0);
    assert_eq!(busy.get(), 0.0);
    panics(|| busy.track_inprogress_call(|| panic()));
    assert_eq!(busy.track_inprogress_call(|| "7".parse::<u8>()), Ok(7));
    assert_eq!(busy.get(), 0.0);
}

#[test]
fn a_timer_takes_the_time_once_however_it_ends() {
    let times = histogram();
    drop(times.time());
    assert_eq!(times.count(), 1);
    let took = times.time().stop();
    assert_eq!(times.count(), 2);
    assert!(times.sum() >= took.as_secs_f64());
    times.time().discard();
    assert_eq!(times.count(), 2);
    panics(|| {
        let _timer = times.time();
        panic();
    });
    assert_eq!(times.count(), 3);
    let early = || -> Option<()> {
        let _timer = times.time();
        None
    };
    assert_eq!(early(), None);
    assert_eq!(times.count(), 4);
}

#[test]
fn a_timer_takes_at_least_the_time_that_passes() {
    let times = histogram();
    let running = times.time();
    std::thread::sleep(Duration::from_millis(20));
    let took = running.stop();
    assert!(took >= Duration::from_millis(20));
    assert_eq!(times.sum(), took.as_secs_f64());
}

#[test]
fn a_closure_is_timed_once_however_it_ends() -> TestResult {
    let times = histogram();
    let sizes = Summary::builder("s", "S.").unregistered().build()?;
    assert_eq!(times.time_call(|| 7), 7);
    assert!(times.time_call(|| "x".parse::<u8>()).is_err());
    panics(|| times.time_call(|| panic()));
    assert_eq!(times.count(), 3);
    assert_eq!(sizes.time_call(|| 7), 7);
    panics(|| sizes.time_call(|| panic()));
    drop(sizes.time());
    assert_eq!(sizes.count(), 3);
    Ok(())
}

#[test]
fn a_gauge_is_set_to_the_time_that_was_taken() {
    let last = gauge();
    last.set(-1.0);
    last.time().discard();
    assert_eq!(last.get(), -1.0);
    let took = last.time().stop();
    assert_eq!(last.get(), took.as_secs_f64());
    last.set(-1.0);
    assert_eq!(last.time_call(|| 7), 7);
    assert!(last.get() >= 0.0);
    last.set(-1.0);
    panics(|| last.time_call(|| panic()));
    assert!(last.get() >= 0.0);
}

#[test]
fn timers_that_overlap_are_all_taken() {
    let times = histogram();
    let running: Vec<_> = (0..10).map(|_| times.time()).collect();
    assert_eq!(times.count(), 0);
    drop(running);
    assert_eq!(times.count(), 10);
}
