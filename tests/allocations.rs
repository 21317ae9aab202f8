//! After the first use, what is counted allocates nothing.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pytheus::{LabelSet, LabelValue, counter, gauge, histogram, metric, summary};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn note() {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Holds the second and later runs to no allocation.
#[track_caller]
fn allocates_nothing(mut work: impl FnMut()) {
    work();
    // Times are read from the system's clock first, then the thread that calibrates the other one is made.
    for _ in 0..1100 {
        work();
    }
    let before = ALLOCATIONS.get();
    work();
    work();
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

fn block_on<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    loop {
        if let Poll::Ready(result) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}

#[derive(Clone, Copy, LabelValue)]
enum Method {
    Get,
    Post,
}

#[derive(Clone, Copy, LabelValue)]
enum Class {
    Success,
    Failure,
}

/// `Get` and `Success`, unknown to the compiler.
fn both() -> (Method, Class) {
    std::hint::black_box((Method::Get, Class::Success))
}

/// Yields once, so that a future is kept between two polls.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

metric! {
    /// Plain.
    static PLAIN: Counter = "plain_total";
    /// Times.
    static SECONDS: Histogram = "plain_seconds";
    /// Work.
    static WORK: Gauge = "plain_in_progress";
    /// By text.
    static TEXTS: Counter = "texts_total" { labels: { method, path } };
    /// By number, of which one has a default.
    static NUMBERS: Counter = "numbers_total" { labels: { shard, port = 80 } };
    /// By number, of a type.
    static TYPED: Counter = "typed_total" { labels: { shard: u64, method: Method = Method::Post } };
    /// By enums.
    static CLOSED: Counter = "closed_total" { labels: { method: Method, class: Class } };
    /// Times by enums.
    static CLOSED_SECONDS: Histogram = "closed_seconds" { labels: { method: Method, class: Class = Class::Failure } };
    /// Work by text.
    static LABELLED_WORK: Gauge = "labelled_in_progress" { labels: { queue } };
}

#[test]
fn metrics_without_labels_allocate_nothing() {
    allocates_nothing(|| {
        PLAIN.inc();
        PLAIN.inc_by(0.5);
        SECONDS.observe(0.5);
        SECONDS.time().stop();
        WORK.inc();
        WORK.set(3);
    });
    allocates_nothing(|| drop(WORK.track_inprogress()));
}

#[test]
fn looking_a_series_up_by_text_allocates_nothing() {
    let path = String::from("/cart");
    allocates_nothing(|| {
        TEXTS.method("GET").path("/").inc();
        TEXTS.path(&path).method("GET").inc_by(0.5);
    });
    assert_eq!(TEXTS.method("GET").path("/").get(), 1103.0);
}

#[test]
fn looking_a_series_up_by_number_allocates_nothing() {
    allocates_nothing(|| {
        NUMBERS.shard(u64::MAX).inc();
        NUMBERS.shard(-7).port(8080_u16).inc();
        TYPED.shard(u64::MAX).inc();
        TYPED.shard(7).method(Method::Get).inc_by(0.25);
    });
    assert_eq!(NUMBERS.shard("18446744073709551615").get(), 1103.0);
}

#[test]
fn looking_a_series_up_by_enums_allocates_nothing() {
    let (method, class) = both();
    allocates_nothing(|| {
        CLOSED.method(method).class(class).inc();
        CLOSED.method(method).class(class).inc_by(0.5);
        CLOSED_SECONDS.method(method).observe(0.5);
        CLOSED_SECONDS.method(method).class(class).time().stop();
    });
}

#[test]
fn partial_handles_allocate_nothing() {
    let get = TEXTS.method("GET");
    let seven = TYPED.shard(7);
    let child = TEXTS.method("POST").path("/").to_series();
    allocates_nothing(|| {
        get.path("/kept").inc();
        get.clone().path("/kept").inc();
        seven.method(Method::Get).inc();
        TEXTS.path("/late").method("GET").to_series().inc();
        child.clone().inc();
    });
}

#[test]
fn guards_of_labelled_gauges_allocate_nothing() {
    allocates_nothing(|| {
        let first = LABELLED_WORK.queue("mail").track_inprogress();
        let second = LABELLED_WORK.queue("mail").track_inprogress();
        drop((first, second));
    });
}

#[counter(name = "calls_total", help = "Calls.")]
#[gauge(name = "calls_in_progress", help = "Calls.", track_inprogress)]
#[histogram(name = "calls_seconds", help = "Times.")]
#[summary(name = "calls_summary_seconds", help = "Times.")]
fn plain() {}

#[counter(name = "calls_by_total", help = "Calls.", labels(shard = shard, name = name, method: Method = method))]
#[gauge(name = "calls_by_in_progress", help = "Calls.", track_inprogress, labels(shard = shard))]
#[histogram(name = "calls_by_seconds", help = "Times.", labels(shard = shard, name = name))]
#[summary(name = "calls_by_summary_seconds", help = "Times.", labels(method: Method = method))]
fn labelled(shard: u64, name: &str, method: Method) {
    let _ = (shard, name, method);
}

#[counter(name = "results_total", help = "Calls.", labels(outcome, size = ret.as_ref().copied().unwrap_or(0)))]
#[histogram(name = "results_seconds", help = "Times.", labels(outcome, shard = shard))]
#[histogram(name = "outcomes_seconds", help = "Times.", labels(outcome))]
#[counter(name = "results_failed_total", help = "Errors.", on = error, labels(shard = shard))]
fn ending(shard: u64) -> Result<usize, ()> {
    if shard == 0 { Err(()) } else { Ok(usize::try_from(shard).unwrap_or(usize::MAX)) }
}

#[test]
fn attributes_allocate_nothing() {
    allocates_nothing(plain);
    let name = String::from("the name of a route, of some length");
    let (method, _) = both();
    allocates_nothing(|| labelled(u64::MAX, &name, method));
    allocates_nothing(|| {
        let _ = (ending(0), ending(3));
    });
}

#[counter(name = "async_calls_total", help = "Calls.")]
#[gauge(name = "async_calls_in_progress", help = "Calls.", track_inprogress)]
#[histogram(name = "async_calls_seconds", help = "Times.")]
async fn plain_async() {
    pause().await;
}

#[counter(name = "async_calls_by_total", help = "Calls.", labels(shard = shard, name = name, method: Method = method))]
#[gauge(name = "async_calls_by_in_progress", help = "Calls.", track_inprogress, labels(shard = shard))]
#[histogram(name = "async_calls_by_seconds", help = "Times.", labels(shard = shard, name = name))]
async fn labelled_async(shard: u64, name: &str, method: Method) {
    let _ = (shard, name, method);
    pause().await;
}

#[counter(name = "async_results_total", help = "Calls.", labels(outcome, shard = shard))]
#[histogram(name = "async_results_seconds", help = "Times.", labels(outcome))]
async fn ending_async(shard: u64) -> Result<usize, ()> {
    pause().await;
    if shard == 0 { Err(()) } else { Ok(usize::try_from(shard).unwrap_or(usize::MAX)) }
}

#[histogram(name = "made_seconds", help = "Times.", labels(shard = shard))]
fn made(shard: u64) -> impl Future<Output = ()> {
    let _ = shard;
    pause()
}

#[test]
fn attributes_on_async_functions_allocate_nothing() {
    allocates_nothing(|| block_on(plain_async()));
    let name = String::from("the name of a route, of some length");
    let (method, _) = both();
    allocates_nothing(|| block_on(labelled_async(u64::MAX, &name, method)));
    allocates_nothing(|| {
        let _ = (block_on(ending_async(0)), block_on(ending_async(3)));
    });
    allocates_nothing(|| block_on(made(u64::MAX)));
}

#[derive(LabelSet)]
struct Route<'a> {
    path: &'a str,
    status: u16,
}

metric! {
    /// Requests, by a struct of labels.
    static ROUTES: Counter = "routes_total" { labels: Route<'_> };
}

#[test]
fn look_ups_by_a_struct_of_labels_allocate_nothing_whatever_their_length() {
    let path = "/a/long/path".repeat(50);
    let route = Route { path: &path, status: 200 };
    allocates_nothing(|| ROUTES.with(&route).inc());
}
