//! Futures: done, failed, panicked, dropped at any await or never polled, the gauge returns and nothing counts twice.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use pytheus::metrics::{Counter, Gauge, Histogram, Summary};
use pytheus::registry::{REGISTRY, Registry};

pytheus::metric! {
    /// Busy.
    static BUSY: Gauge = "busy_by_label" { labels: { queue } };
    /// Times.
    static TIMES: Histogram = "times_by_label" { labels: { queue } };
    /// Errors.
    static ERRORS: Counter = "errors_by_label_total" { labels: { queue } };
}

/// How many awaits the work has.
const AWAITS: usize = 4;

/// Is pending once.
#[derive(Default)]
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Ok,
    Error,
    /// Before this await, counted from zero.
    Panic(usize),
}

async fn work(end: End) -> Result<usize, &'static str> {
    let mut steps = 0;
    for step in 0..AWAITS {
        if end == End::Panic(step) {
            resume_unwind(Box::new("on purpose"));
        }
        Pause::default().await;
        steps += 1;
    }
    match end {
        End::Ok => Ok(steps),
        End::Error => Err("as asked"),
        End::Panic(_) => resume_unwind(Box::new("on purpose")),
    }
}

/// Polls at most this often, then drops the future. `None` when it was not done; panics are caught.
fn drive<T>(future: impl Future<Output = T>, polls: usize, mut while_pending: impl FnMut()) -> Option<T> {
    let run = AssertUnwindSafe(|| {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..polls {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            while_pending();
        }
        None
    });
    catch_unwind(run).unwrap_or(None)
}

struct Metrics {
    busy: Gauge,
    times: Histogram,
    sizes: Summary,
    last: Gauge,
    errors: Counter,
}

impl Metrics {
    fn new() -> Self {
        let right = "the description is right";
        let metrics = Self {
            busy: Gauge::builder("busy", "B.").unregistered().build().expect(right),
            times: Histogram::builder("times", "T.").unregistered().build().expect(right),
            sizes: Summary::builder("sizes", "S.").unregistered().build().expect(right),
            last: Gauge::builder("last", "L.").unregistered().build().expect(right),
            errors: Counter::builder("errors_total", "E.").unregistered().build().expect(right),
        };
        metrics.busy.set(10.0);
        metrics.last.set(-1.0);
        metrics
    }

    /// All wrappers around each other.
    async fn watch(&self, work: impl Future<Output = Result<usize, &'static str>>) -> Result<usize, &'static str> {
        let timed = self.times.time_future(self.sizes.time_future(self.last.time_future(work)));
        self.busy.track_inprogress_future(self.errors.count_errors_future(timed)).await
    }

    fn check(&self, times: u64, errors: f64, case: &str) {
        assert_eq!(self.busy.get(), 10.0, "{case}: the gauge returns");
        assert_eq!((self.times.count(), self.sizes.count()), (times, times), "{case}: timed once");
        assert_eq!(self.last.get() >= 0.0, times > 0, "{case}: set when timed");
        assert_eq!(self.errors.get(), errors, "{case}: errors");
    }
}

#[test]
fn a_future_that_is_done_counts_once() {
    let metrics = Metrics::new();
    let pending = || assert_eq!((metrics.busy.get(), metrics.times.count()), (11.0, 0));
    let done = drive(metrics.watch(work(End::Ok)), AWAITS + 1, pending);
    assert_eq!(done, Some(Ok(AWAITS)));
    metrics.check(1, 0.0, "ok");
}

#[test]
fn a_future_that_fails_counts_its_error_once() {
    let metrics = Metrics::new();
    let done = drive(metrics.watch(work(End::Error)), AWAITS + 1, || {});
    assert_eq!(done, Some(Err("as asked")));
    metrics.check(1, 1.0, "error");
}

#[test]
fn a_future_that_is_never_polled_counts_nothing() {
    let metrics = Metrics::new();
    drop(metrics.watch(work(End::Ok)));
    assert_eq!(drive(metrics.watch(work(End::Error)), 0, || {}), None);
    metrics.check(0, 0.0, "never polled");
}

#[test]
fn a_future_that_is_dropped_at_any_await_is_timed_and_no_error() {
    for polls in 1..=AWAITS {
        for end in [End::Ok, End::Error] {
            let metrics = Metrics::new();
            let mut pending = 0;
            let done = drive(metrics.watch(work(end)), polls, || {
                pending += 1;
                assert_eq!(metrics.busy.get(), 11.0);
            });
            assert_eq!((done, pending), (None, polls));
            metrics.check(1, 0.0, &format!("dropped at await {polls}"));
        }
    }
}

#[test]
fn a_future_that_panics_at_any_await_is_timed_and_no_error() {
    for step in 0..=AWAITS {
        let metrics = Metrics::new();
        assert_eq!(drive(metrics.watch(work(End::Panic(step))), AWAITS + 1, || {}), None);
        metrics.check(1, 0.0, &format!("panicked before await {step}"));
    }
}

#[test]
fn a_future_that_is_dropped_by_a_panic_elsewhere_leaves_nothing_behind() {
    for polls in 1..=AWAITS {
        let metrics = Metrics::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut future = Box::pin(metrics.watch(work(End::Ok)));
            for _ in 0..polls {
                assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            resume_unwind(Box::new("elsewhere"));
        }));
        assert!(result.is_err());
        metrics.check(1, 0.0, &format!("dropped by a panic after {polls} polls"));
    }
}

#[test]
fn only_the_errors_that_match_are_counted() {
    let metrics = Metrics::new();
    let future = |matches: bool| metrics.errors.count_errors_if_future(work(End::Error), move |_| matches);
    assert_eq!(drive(future(false), AWAITS + 1, || {}), Some(Err("as asked")));
    assert_eq!(metrics.errors.get(), 0.0);
    assert_eq!(drive(future(true), AWAITS + 1, || {}), Some(Err("as asked")));
    assert_eq!(metrics.errors.get(), 1.0);
}

#[test]
fn the_wrapped_futures_can_be_sent_to_another_thread() {
    let metrics = Metrics::new();
    std::thread::scope(|scope| {
        let future = metrics.watch(work(End::Ok));
        scope.spawn(move || drive(future, AWAITS + 1, || {}));
    });
    metrics.check(1, 0.0, "in another thread");
}

#[test]
fn the_wrapped_futures_hold_the_work_once() {
    let metrics = Metrics::new();
    let plain = size_of_val(&work(End::Ok));
    let large = async {
        let large = [0_u8; 10_000];
        Pause::default().await;
        std::hint::black_box(&large);
        work(End::Ok).await
    };
    let watched = size_of_val(&metrics.watch(large));
    // `watch` is an async fn, which holds what it is given twice.
    assert!(watched < 21_000 + 10 * plain, "{watched} bytes");
}

#[test]
fn labelled_handles_wrap_futures_too() {
    let watch = |queue: &'static str, end| {
        let errors = ERRORS.queue(queue);
        let times = TIMES.queue(queue);
        async move { errors.count_errors_future(times.time_future(work(end))).await }
    };
    let read = |queue: &str| {
        let labels = [("queue", queue)];
        ["busy_by_label", "times_by_label_count", "errors_by_label_total"]
            .map(|name| REGISTRY.sample_value(name, &labels))
    };
    for polls in 1..=AWAITS {
        let busy = BUSY.queue("dropped");
        let pending = || assert_eq!(busy.get(), 1.0);
        assert_eq!(drive(busy.track_inprogress_future(watch("dropped", End::Error)), polls, pending), None);
    }
    // No errors yet, and that shows.
    assert_eq!(read("dropped"), [Some(0.0), Some(AWAITS as f64), Some(0.0)]);
    assert_eq!(drive(watch("failed", End::Error), AWAITS + 1, || {}), Some(Err("as asked")));
    assert_eq!(read("failed"), [None, Some(1.0), Some(1.0)]);
    assert_eq!(drive(watch("panicked", End::Panic(2)), AWAITS + 1, || {}), None);
    assert_eq!(read("panicked"), [None, Some(1.0), Some(0.0)]);
    // Not even a series is made by what is never polled.
    drop(BUSY.queue("never").track_inprogress_future(watch("never", End::Ok)));
    assert_eq!(read("never"), [None; 3]);
}

/// As a runtime's `spawn` asks for it.
fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Option<T> {
    std::thread::spawn(|| drive(future, AWAITS + 1, || {})).join().unwrap_or_default()
}

#[test]
fn an_instrumented_future_owns_its_metric_and_can_be_spawned() -> Result<(), Box<dyn std::error::Error>> {
    let gauge = Gauge::builder("spawned", "S.").unregistered().build()?;
    let errors = Counter::builder("spawned_errors_total", "S.").unregistered().build()?;
    let future = {
        let (gauge, errors) = (gauge.clone(), errors.clone());
        errors.count_errors_future(gauge.track_inprogress_future(work(End::Error)))
    };
    assert_eq!(spawn(future), Some(Err("as asked")));
    assert_eq!((gauge.get(), errors.get()), (0.0, 1.0));

    let queue = String::from("spawned");
    let future = TIMES.queue(queue).time_future(work(End::Ok));
    assert_eq!(REGISTRY.sample_value("times_by_label_count", &[("queue", "spawned")]), None, "not polled yet");
    assert_eq!(spawn(future), Some(Ok(AWAITS)));
    assert_eq!(REGISTRY.sample_value("times_by_label_count", &[("queue", "spawned")]), Some(1.0));
    Ok(())
}
