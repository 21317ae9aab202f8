//! Attributes on async functions: done, failed, panicked, dropped at any await or never polled, the gauge returns and
//! the outcome counts once.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use pytheus::registry::{REGISTRY, Registry};
use pytheus::{counter, gauge, histogram, summary};

/// Puts one attribute of each sort on a function.
macro_rules! watched {
    ($shape:literal $($function:tt)*) => {
        #[gauge(name = "async_busy", help = "B.", labels(shape = $shape), track_inprogress)]
        #[histogram(name = "async_call_seconds", help = "C.", buckets = [1.0], labels(outcome, shape = $shape))]
        #[counter(name = "async_calls_total", help = "C.", labels(shape = $shape, outcome))]
        #[counter(name = "async_plain_total", help = "P.", labels(shape = $shape))]
        #[counter(name = "async_errors_total", help = "E.", labels(shape = $shape), on = error)]
        #[counter(name = "async_panics_total", help = "P.", labels(shape = $shape), on = panicked)]
        #[counter(name = "cancels_total", help = "C.", labels(shape = $shape), on = cancelled)]
        #[counter(name = "async_fours_total", help = "F.", labels(shape = $shape), on = Ok(4))]
        #[summary(name = "async_plain_seconds", help = "P.", labels(shape = $shape))]
        $($function)*
    };
}

/// How many awaits the work has.
const AWAITS: usize = 4;

type Ended = Result<usize, &'static str>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Ok,
    Error,
    /// After so many awaits.
    Panic(usize),
}

/// Is pending once.
#[derive(Default)]
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn panic_at(end: End, step: usize) {
    if end == End::Panic(step) {
        resume_unwind(Box::new("on purpose"));
    }
}

async fn work(end: End) -> Ended {
    for step in 0..AWAITS {
        panic_at(end, step);
        Pause::default().await;
    }
    panic_at(end, AWAITS);
    if end == End::Ok { Ok(AWAITS) } else { Err("as asked") }
}

watched! { "function"
    async fn function(end: End) -> Ended {
        panic_at(end, 0);
        Pause::default().await;
        panic_at(end, 1);
        Pause::default().await;
        panic_at(end, 2);
        if end == End::Error {
            Pause(true).await;
        }
        Pause::default().await;
        panic_at(end, 3);
        Pause::default().await;
        panic_at(end, 4);
        if end == End::Ok {
            return Ok(4);
        }
        Err("as asked")?;
        Ok(0)
    }
}

watched! { "generic"
    async fn generic<T: AsRef<str> + Clone>(end: End, text: &T) -> Ended {
        let four = work(end).await?;
        Ok(if text.as_ref() == "text" { four } else { 0 })
    }
}

watched! { "opaque"
    fn opaque(end: End) -> impl Future<Output = Ended> {
        work(end)
    }
}

watched! { "boxed"
    fn boxed(end: End) -> Pin<Box<dyn Future<Output = Ended> + Send>> {
        Box::pin(async move {
            let four = work(end).await?;
            Ok(four)
        })
    }
}

watched! { "boxed elsewhere"
    fn boxed_elsewhere(end: End) -> Pin<Box<dyn Future<Output = Ended> + Send>> {
        let never = end == End::Panic(usize::MAX);
        if never { Box::pin(async { Ok(0) }) } else { Box::pin(work(end)) }
    }
}

struct Worker {
    runs: usize,
}

impl Worker {
    watched! { "method"
        async fn method(&mut self, end: End) -> Ended {
            self.runs += 1;
            let four = work(end).await?;
            self.runs += 1;
            Ok(four)
        }
    }
}

#[async_trait]
trait Work {
    async fn in_trait(&mut self, end: End) -> Ended;
}

#[async_trait]
impl Work for Worker {
    #[gauge(name = "async_busy", help = "B.", labels(shape = "async_trait"), track_inprogress)]
    #[histogram(name = "async_call_seconds", help = "C.", buckets = [1.0], labels(outcome, shape = "async_trait"))]
    #[counter(name = "async_calls_total", help = "C.", labels(shape = "async_trait", outcome))]
    #[counter(name = "async_plain_total", help = "P.", labels(shape = "async_trait"))]
    #[counter(name = "async_errors_total", help = "E.", labels(shape = "async_trait"), on = error)]
    #[counter(name = "async_panics_total", help = "P.", labels(shape = "async_trait"), on = panicked)]
    #[counter(name = "cancels_total", help = "C.", labels(shape = "async_trait"), on = cancelled)]
    #[counter(name = "async_fours_total", help = "F.", labels(shape = "async_trait"), on = Ok(4))]
    #[summary(name = "async_plain_seconds", help = "P.", labels(shape = "async_trait"))]
    async fn in_trait(&mut self, end: End) -> Ended {
        self.runs += 1;
        let four = work(end).await?;
        self.runs += 1;
        Ok(four)
    }
}

fn value(name: &str, shape: &str) -> f64 {
    REGISTRY.sample_value(name, &[("shape", shape)]).unwrap_or(0.0)
}

fn by_outcome(name: &str, shape: &str) -> [f64; 4] {
    ["ok", "error", "panicked", "cancelled"]
        .map(|outcome| REGISTRY.sample_value(name, &[("outcome", outcome), ("shape", shape)]).unwrap_or(0.0))
}

/// Polls at most this often, then drops the future. `None` when it was not done; panics are caught.
fn drive<F: Future>(future: F, polls: usize, shape: &str) -> Option<F::Output> {
    let run = || {
        let mut future = Box::pin(future);
        for _ in 0..polls {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return Some(value);
            }
            assert_eq!(value("async_busy", shape), 1.0, "{shape}: it is in progress");
        }
        None
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(None)
}

/// Calls, ends in every way, and checks after each.
fn check<F: Future<Output = Ended>>(shape: &str, mut call: impl FnMut(End) -> F) {
    let mut expected = [0.0; 4];
    let mut counted = |outcome: Option<usize>, case: String| {
        if let Some(outcome) = outcome {
            expected[outcome] += 1.0;
        }
        let [ok, error, panicked, cancelled] = expected;
        let all = ok + error + panicked + cancelled;
        assert_eq!(value("async_busy", shape), 0.0, "{shape}: {case}");
        assert_eq!(by_outcome("async_calls_total", shape), expected, "{shape}: {case}");
        assert_eq!(by_outcome("async_call_seconds_count", shape), expected, "{shape}: {case}");
        assert_eq!(value("async_plain_total", shape), all, "{shape}: {case}");
        assert_eq!(value("async_plain_seconds_count", shape), all, "{shape}: {case}");
        assert_eq!(value("async_errors_total", shape), error, "{shape}: {case}");
        assert_eq!(value("async_panics_total", shape), panicked, "{shape}: {case}");
        assert_eq!(value("cancels_total", shape), cancelled, "{shape}: {case}");
        assert_eq!(value("async_fours_total", shape), ok, "{shape}: {case}");
    };
    for end in [End::Ok, End::Error, End::Panic(0), End::Panic(AWAITS)] {
        drop(call(end));
        counted(None, format!("{end:?}, never polled"));
        assert_eq!(drive(call(end), 0, shape), None);
        counted(None, format!("{end:?}, pinned and never polled"));
    }
    for round in 0..2 {
        assert_eq!(drive(call(End::Ok), AWAITS + 1, shape), Some(Ok(4)));
        counted(Some(0), format!("ok, round {round}"));
        assert_eq!(drive(call(End::Error), AWAITS + 1, shape), Some(Err("as asked")));
        counted(Some(1), format!("error, round {round}"));
    }
    for step in 0..=AWAITS {
        assert_eq!(drive(call(End::Panic(step)), AWAITS + 1, shape), None);
        counted(Some(2), format!("panicked after {step} awaits"));
    }
    for polls in 1..=AWAITS {
        for end in [End::Ok, End::Error] {
            assert_eq!(drive(call(end), polls, shape), None);
            counted(Some(3), format!("{end:?}, dropped at await {polls}"));
        }
        // A panic elsewhere that drops the future on its way cancels it.
        let elsewhere = catch_unwind(AssertUnwindSafe(|| {
            let mut future = Box::pin(call(End::Ok));
            for _ in 0..polls {
                assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
            resume_unwind(Box::new("elsewhere"));
        }));
        assert!(elsewhere.is_err());
        counted(Some(3), format!("dropped by a panic at await {polls}"));
    }
}

#[test]
fn an_async_function_counts_each_of_its_ends_once() {
    check("function", function);
}

#[test]
fn a_generic_async_function_counts_each_of_its_ends_once() {
    check("generic", |end| generic(end, &"text"));
    let owned = String::from("text");
    assert_eq!(drive(generic(End::Ok, &owned), AWAITS + 1, "generic"), Some(Ok(4)));
    assert_eq!(value("async_fours_total", "generic"), 3.0);
}

#[test]
fn a_function_that_returns_a_future_counts_each_of_its_ends_once() {
    check("opaque", opaque);
}

#[test]
fn a_function_that_boxes_its_future_counts_each_of_its_ends_once() {
    check("boxed", boxed);
    check("boxed elsewhere", boxed_elsewhere);
}

#[test]
fn an_async_method_counts_each_of_its_ends_once() {
    check("method", |end| async move { Worker { runs: 0 }.method(end).await });
    let mut worker = Worker { runs: 0 };
    assert_eq!(drive(worker.method(End::Ok), AWAITS + 1, "method"), Some(Ok(4)));
    assert_eq!(worker.runs, 2);
}

#[test]
fn a_method_of_an_async_trait_counts_each_of_its_ends_once() {
    check("async_trait", |end| async move { Worker { runs: 0 }.in_trait(end).await });
}

#[test]
fn attributes_add_to_the_size_of_a_future_and_do_not_multiply_it() {
    let plain = size_of_val(&work(End::Ok));
    for (shape, watched) in [
        ("function", size_of_val(&function(End::Ok))),
        ("generic", size_of_val(&generic(End::Ok, &"text"))),
        ("opaque", size_of_val(&opaque(End::Ok))),
    ] {
        assert!(watched <= 3 * plain + 9 * 200, "{shape}: {watched} bytes, {plain} without attributes");
    }
}
