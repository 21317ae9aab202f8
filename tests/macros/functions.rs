//! The attributes count what functions do.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use pytheus::registry::{REGISTRY, Registry};
use pytheus::{LabelValue, counter, gauge, histogram, metric, summary};

metric! {
    /// Calls.
    static CALLS: Counter = "calls_total";
    /// Hits.
    static HITS: Histogram = "hits_seconds" { labels: { page, status = "200" } };
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Nothing;
    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }
    let waker = Waker::from(Arc::new(Nothing));
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
    }
}

#[derive(LabelValue, Clone, Copy)]
enum Kind {
    Small,
    Large,
}

#[counter(CALLS)]
fn existing() {}

#[histogram(HITS.page("home"))]
fn labelled_child() -> u8 {
    7
}

/// Runs a job.
#[counter(name = "function_jobs_total", labels(queue, kind: Kind = kind, colour = "red"))]
fn job(queue: String, kind: Kind) -> String {
    queue
}

#[counter(name = "results_total", help = "Results.", labels(outcome, code = ret.as_ref().ok()))]
fn fallible(n: i32) -> Result<i32, String> {
    let n = Some(n).filter(|n| *n > 0).ok_or("negative")?;
    Ok(n)
}

#[counter(name = "errors_total", help = "Errors.", on = error | panicked)]
fn errors(fail: bool) -> Result<(), ()> {
    if fail { Err(()) } else { Ok(()) }
}

#[counter(name = "fours_total", help = "Fours.", on = Some(4))]
async fn fours(n: u8) -> Option<u8> {
    Some(n)
}

/// Everything at once.
#[gauge(name = "busy", track_inprogress)]
#[summary(name = "async_seconds", labels(outcome, name = name))]
#[counter(name = "async_total", labels(name))]
#[allow(clippy::needless_lifetimes, reason = "a named one is to be there")]
async fn all_at_once<'a>(name: &'a str) -> Result<&'a str, String> {
    std::future::ready(()).await;
    assert_eq!(value("busy", &[]), Some(1.0));
    Ok(name)
}

/// Boxed.
#[counter(name = "boxed_total", labels(outcome))]
fn boxed(n: u8) -> Pin<Box<dyn Future<Output = Result<u8, u8>> + Send>> {
    Box::pin(async move { if n > 1 { Ok(n) } else { Err(n) } })
}

/// Opaque.
#[histogram(name = "opaque_seconds")]
fn opaque(n: u8) -> impl Future<Output = u8> {
    std::future::ready(n)
}

/// Last.
#[gauge(name = "last_success", set_to_current_time, on = ok)]
fn last() -> Result<(), ()> {
    Ok(())
}

#[test]
fn an_existing_metric_is_counted_in() {
    existing();
    assert_eq!(CALLS.get(), 1.0);
    assert_eq!(labelled_child(), 7);
    assert_eq!(HITS.page("home").count(), 1);
}

#[test]
fn labels_come_from_arguments_without_moving_them() {
    assert_eq!(job("mail".to_owned(), Kind::Large), "mail");
    let _ = Kind::Small;
    assert_eq!(value("function_jobs_total", &[("queue", "mail"), ("kind", "large"), ("colour", "red")]), Some(1.0));
}

#[test]
fn labels_come_from_the_returned_value_and_the_outcome() {
    let _ = fallible(3);
    let _ = fallible(-3);
    assert_eq!(value("results_total", &[("outcome", "ok"), ("code", "3")]), Some(1.0));
    assert_eq!(value("results_total", &[("outcome", "error"), ("code", "")]), Some(1.0));
}

#[test]
fn on_says_which_calls_count() {
    let _ = errors(true);
    let _ = errors(false);
    assert_eq!(value("errors_total", &[]), Some(1.0));
    block_on(fours(4));
    block_on(fours(5));
    assert_eq!(value("fours_total", &[]), Some(1.0));
    let _ = last();
    assert!(value("last_success", &[]) > Some(1e9));
}

#[test]
fn attributes_stack_on_an_async_function() {
    assert_eq!(block_on(all_at_once("x")), Ok("x"));
    assert_eq!(value("async_seconds_count", &[("outcome", "ok"), ("name", "x")]), Some(1.0));
    assert_eq!(value("async_total", &[("name", "x")]), Some(1.0));
    assert_eq!(value("busy", &[]), Some(0.0));
}

#[test]
fn returned_futures_are_counted_when_they_end() {
    drop(boxed(0));
    assert_eq!(block_on(boxed(2)), Ok(2));
    assert_eq!(block_on(boxed(1)), Err(1));
    assert_eq!(value("boxed_total", &[("outcome", "ok")]), Some(1.0));
    assert_eq!(value("boxed_total", &[("outcome", "error")]), Some(1.0));
    assert_eq!(value("boxed_total", &[("outcome", "cancelled")]), Some(0.0));
    let future = opaque(3);
    assert_eq!(value("opaque_seconds_count", &[]), Some(0.0));
    assert_eq!(block_on(future), 3);
    assert_eq!(value("opaque_seconds_count", &[]), Some(1.0));
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An alias of a boxed future.
#[counter(name = "later_total", labels(outcome), future = boxed)]
fn later(fails: bool) -> Later<Result<(), ()>> {
    Box::pin(async move { if fails { Err(()) } else { Ok(()) } })
}

/// A future that is counted when it is made.
#[counter(name = "made_total", labels(outcome), future = untracked)]
fn made() -> impl Future<Output = ()> {
    async {}
}

#[test]
fn an_alias_of_a_boxed_future_is_counted_to_its_end() {
    let count = |outcome| value("later_total", &[("outcome", outcome)]);
    let future = later(true);
    assert_eq!(count("error"), Some(0.0), "not polled yet");
    assert_eq!(block_on(future), Err(()));
    assert_eq!(count("error"), Some(1.0));
    assert_eq!(block_on(later(false)), Ok(()));
    assert_eq!(count("ok"), Some(1.0));
}

#[test]
fn a_future_that_is_counted_when_it_is_made_need_not_be_polled() {
    drop(made());
    assert_eq!(value("made_total", &[("outcome", "ok")]), Some(1.0));
}

/// A value that is no `Result`.
#[counter(name = "judged_total", labels(outcome), error = ret.is_none_or(|n| n > 1))]
/// Those that are wrong.
#[histogram(name = "judged_seconds", on = error, error = *ret == Some(3))]
#[counter(JUDGED_NONE, on = error, error = ret.is_none())]
fn judged(n: Option<u8>) -> Option<u8> {
    n
}

metric! {
    /// Those without a value.
    static JUDGED_NONE: Counter = "judged_none_total";
}

/// A `Result` whose errors are others.
#[counter(name = "function_replies_total", labels(outcome), error = !matches!(ret, Ok(200..400)))]
async fn reply(code: Result<u16, ()>) -> Result<u16, ()> {
    code
}

/// The same of a future that is returned.
#[counter(name = "returned_total", labels(outcome), error = *ret > 1)]
fn returned(n: u8) -> impl Future<Output = u8> {
    std::future::ready(n)
}

/// The same of a boxed one.
#[counter(name = "pinned_total", labels(outcome, n = ret), error = *ret > 1)]
fn pinned(n: u8) -> Pin<Box<dyn Future<Output = u8>>> {
    Box::pin(async move { n })
}

#[test]
fn the_option_error_says_what_is_an_error() {
    for n in [Some(1), Some(2), Some(3), None] {
        assert_eq!(judged(n), n);
    }
    assert_eq!(value("judged_total", &[("outcome", "ok")]), Some(1.0));
    assert_eq!(value("judged_total", &[("outcome", "error")]), Some(3.0));
    assert_eq!(value("judged_seconds_count", &[]), Some(1.0));
    assert_eq!(JUDGED_NONE.get(), 1.0);
}

#[test]
fn the_option_error_comes_before_what_a_result_says() {
    for code in [Ok(200), Ok(302), Ok(500), Err(())] {
        assert_eq!(block_on(reply(code)), code);
    }
    assert_eq!(value("function_replies_total", &[("outcome", "ok")]), Some(2.0));
    assert_eq!(value("function_replies_total", &[("outcome", "error")]), Some(2.0));
}

#[test]
fn the_option_error_is_asked_when_a_returned_future_ends() {
    assert_eq!((block_on(returned(1)), block_on(returned(2))), (1, 2));
    assert_eq!(value("returned_total", &[("outcome", "ok")]), Some(1.0));
    assert_eq!(value("returned_total", &[("outcome", "error")]), Some(1.0));
    assert_eq!(block_on(pinned(2)), 2);
    assert_eq!(value("pinned_total", &[("outcome", "error"), ("n", "2")]), Some(1.0));
}

/// Errors above three.
#[counter(name = "high_errors_total", on = Err(code) if *code > 3)]
/// Small values and errors.
#[counter(name = "small_total", on = Ok(n) | Err(n) if *n < 3)]
fn coded(code: Result<u8, u8>) -> Result<u8, u8> {
    code
}

#[test]
fn a_pattern_may_have_a_condition() {
    for code in [Ok(1), Ok(9), Err(2), Err(4), Err(5)] {
        assert_eq!(coded(code), code);
    }
    assert_eq!(value("high_errors_total", &[]), Some(2.0));
    assert_eq!(value("small_total", &[]), Some(2.0));
}

/// A label of the returned value and of an argument that is a copy.
#[counter(name = "above_total", labels(above = *ret > limit, name = ret.min(&limit)))]
fn above(limit: u8) -> u8 {
    limit + 1
}

#[test]
fn a_label_of_the_returned_value_sees_arguments_that_are_copies() {
    above(3);
    assert_eq!(value("above_total", &[("above", "true"), ("name", "3")]), Some(1.0));
}
