//! Series whose labels all have closed sets are found by index: nobody can tell but by the time it takes.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use pytheus::registry::{REGISTRY, Registry as _};
use pytheus::{LabelValue, counter, metric};

#[derive(Clone, Copy, LabelValue)]
enum Method {
    Get,
    #[label_value(rename = "POST")]
    Post,
    Put = 7,
}

#[derive(LabelValue)]
enum Size {
    Small,
    Large,
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

metric! {
    /// Each combination.
    static EACH: Counter = "each_total" { labels: { method: Method, size: Size, cached: bool } };
}

#[test]
fn each_combination_is_its_own_series() {
    let methods = [(Method::Get, "get"), (Method::Post, "POST"), (Method::Put, "put")];
    let sizes = [(|| Size::Small, "small"), (|| Size::Large, "large")] as [(fn() -> Size, &str); 2];
    let mut amount = 0;
    for (method, _) in methods {
        for (size, _) in sizes {
            for cached in [false, true] {
                amount += 1;
                EACH.cached(cached).size(size()).method(method).inc_by(amount);
                EACH.method(method).cached(cached).size(size()).inc_by(0.5);
            }
        }
    }
    let mut expected = 0.5;
    for (method, method_text) in methods {
        for (size, size_text) in sizes {
            for (cached, cached_text) in [(false, "false"), (true, "true")] {
                expected += 1.0;
                let labels = [("method", method_text), ("size", size_text), ("cached", cached_text)];
                assert_eq!(value("each_total", &labels), Some(expected), "{labels:?}");
                assert_eq!(EACH.labels(labels).map(|series| series.get()), Ok(expected));
                assert_eq!(EACH.method(method).size(size()).cached(cached).to_series().get(), expected);
            }
        }
    }
}

metric! {
    /// Removed.
    static REMOVED: Counter = "removed_total" { labels: { method: Method } };
    /// Cleared.
    static CLEARED: Histogram = "cleared_size" { labels: { method: Method } };
}

#[test]
fn a_series_that_was_removed_comes_back_from_zero_each_time() {
    for times in 1..=3 {
        let get = REMOVED.method(Method::Get);
        for _ in 0..times {
            get.inc();
            get.inc_by(0.25);
        }
        assert_eq!(get.get(), f64::from(times) * 1.25);
        assert!(get.remove());
        assert_eq!(value("removed_total", &[("method", "get")]), None);
        assert!(!get.remove());
    }
    for _ in 0..3 {
        CLEARED.method(Method::Put).observe(2);
        assert_eq!(CLEARED.method(Method::Put).sum(), 2.0);
        CLEARED.clear();
        assert_eq!(value("cleared_size_count", &[("method", "put")]), Some(0.0));
    }
}

metric! {
    /// Counted while it is removed.
    static CONTENDED: Counter = "contended_total" { labels: { method: Method, cached: bool } };
}

#[test]
fn removals_lose_nothing_that_is_counted_afterwards_or_elsewhere() {
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    CONTENDED.method(Method::Post).cached(true).inc();
                    CONTENDED.method(Method::Get).cached(true).inc();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                CONTENDED.method(Method::Get).cached(true).remove();
                let _ = CONTENDED.method(Method::Put).cached(false).to_series();
            }
        });
    });
    assert_eq!(CONTENDED.method(Method::Post).cached(true).get(), 40_000.0);
    CONTENDED.method(Method::Get).cached(true).remove();
    CONTENDED.method(Method::Get).cached(true).inc();
    assert_eq!(CONTENDED.method(Method::Get).cached(true).get(), 1.0);
}

/// The same texts in another order, and one more.
#[derive(LabelValue)]
enum Other {
    Put,
    Get,
    Patch,
}

mod first {
    pytheus::metric! {
        /// Shared.
        pub static SHARED: Counter = "shared_total" { labels: { method: super::Method } };
    }
}

mod second {
    pytheus::metric! {
        /// Shared.
        pub static SHARED: Counter = "shared_total" { labels: { method: super::Other } };
    }
}

mod third {
    pytheus::metric! {
        /// Shared.
        pub static SHARED: Counter = "shared_total" { labels: { method } };
    }
}

#[test]
fn declarations_that_share_a_family_need_not_have_the_same_sets() {
    first::SHARED.method(Method::Get).inc();
    first::SHARED.method(Method::Put).inc_by(2);
    second::SHARED.method(Other::Get).inc_by(10);
    second::SHARED.method(Other::Put).inc_by(20);
    second::SHARED.method(Other::Patch).inc_by(30);
    third::SHARED.method("get").inc_by(100);
    for (text, total) in [("get", 111.0), ("put", 22.0), ("patch", 30.0)] {
        assert_eq!(value("shared_total", &[("method", text)]), Some(total), "{text}");
    }
}

metric! {
    /// Few.
    static FEW: Counter = "few_total" { labels: { method: Method }, limit: 1, zero_series: false };
}

#[test]
fn a_limit_holds_for_closed_sets_too() {
    FEW.method(Method::Post).inc();
    FEW.method(Method::Get).inc();
    FEW.method(Method::Put).inc();
    FEW.method(Method::Get).inc_by(0.5);
    FEW.method(Method::Post).inc();
    assert_eq!(value("few_total", &[("method", "POST")]), Some(2.0));
    assert_eq!(value("few_total", &[("method", "__other__")]), Some(2.5));
    FEW.method(Method::Post).remove();
    FEW.method(Method::Get).inc();
    assert_eq!(value("few_total", &[("method", "get")]), Some(1.0));
}

static EVALUATED: AtomicUsize = AtomicUsize::new(0);

fn usual() -> Method {
    EVALUATED.fetch_add(1, Relaxed);
    Method::Post
}

metric! {
    /// Defaults.
    static DEFAULTS: Counter = "defaults_total" { labels: { method: Method = usual(), cached: bool = true } };
}

#[test]
fn a_default_is_evaluated_at_the_first_use() {
    for _ in 0..10 {
        DEFAULTS.inc();
        DEFAULTS.cached(false).inc();
        DEFAULTS.method(Method::Get).inc();
    }
    assert_eq!(value("defaults_total", &[("method", "POST"), ("cached", "true")]), Some(10.0));
    assert_eq!(value("defaults_total", &[("method", "POST"), ("cached", "false")]), Some(10.0));
    assert_eq!(value("defaults_total", &[("method", "get"), ("cached", "true")]), Some(10.0));
    // Once here, and once for the family's own copy of the labels.
    assert!(EVALUATED.load(Relaxed) <= 2);
}

/// Written by hand: without places, and with a value beside its set.
struct Status(u16);

impl LabelValue for Status {
    const VALUES: Option<&'static [&'static str]> = Some(&["200", "404"]);

    fn as_label(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }
}

metric! {
    /// By hand.
    static BY_HAND: Counter = "by_hand_total" { labels: { status: Status } };
}

#[test]
fn a_set_that_is_written_by_hand_may_have_values_beside_it() {
    for status in [404, 200, 500, 500, 404] {
        BY_HAND.status(Status(status)).inc();
    }
    assert_eq!(value("by_hand_total", &[("status", "200")]), Some(1.0));
    assert_eq!(value("by_hand_total", &[("status", "404")]), Some(2.0));
    assert_eq!(value("by_hand_total", &[("status", "500")]), Some(2.0));
}

#[counter(name = "handled_total", help = "Calls.", labels(method: Method = method, outcome))]
fn handle(method: Method) -> Result<(), ()> {
    if matches!(method, Method::Put) { Err(()) } else { Ok(()) }
}

#[test]
fn attributes_count_in_the_series_of_the_outcome() {
    for method in [Method::Get, Method::Put, Method::Get] {
        let _ = handle(method);
    }
    assert_eq!(value("handled_total", &[("method", "get"), ("outcome", "ok")]), Some(2.0));
    assert_eq!(value("handled_total", &[("method", "put"), ("outcome", "error")]), Some(1.0));
    assert_eq!(value("handled_total", &[("method", "put"), ("outcome", "ok")]), Some(0.0));
}
