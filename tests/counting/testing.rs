//! The help for tests of one's own: a sample's value, and the change across a block.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pytheus::assert_metric;
use pytheus::metrics::{Counter, Gauge, Histogram};
use pytheus::registry::{CollectorRegistry, Registry};
use pytheus::testing::lint;

pytheus::metric! {
    /// Orders.
    static ORDERS: Counter = "orders_total" { labels: { kind, r#type = "new" } };
    /// Waiting.
    static WAITING: Gauge = "waiting";
    /// Times.
    static TIMES: Histogram = "times" { buckets: [1.0] };
}

#[test]
fn assert_metric_checks_a_change_and_returns_the_value_of_the_block() {
    let seven = assert_metric!("orders_total" { kind = "book", r#type = "new" } += 2, {
        ORDERS.kind("book").inc_by(2.0);
        7
    });
    assert_eq!(seven, 7);
    assert_metric!("orders_total" { r#type = "new", kind = "book" } += 0, { ORDERS.kind("toy").inc() });
    assert_metric!("waiting" += -1.5, { WAITING.dec_by(1.5) });
    assert_metric!("times_count" += 1, {
        assert_metric!("times_sum" += 0.25, { TIMES.observe(0.25) });
    });
    assert_metric!("times_bucket" { le = "+Inf" } += 1, { TIMES.observe(7.0) });
}

#[test]
fn another_registry_can_be_asked() -> Result<(), Box<dyn Error>> {
    let registry = CollectorRegistry::new().with_prefix("shop")?;
    let counter = Counter::builder("c_total", "C.").registry(&registry).build()?;
    assert_metric!(in registry, "shop_c_total" += 1, { counter.inc() });
    assert_eq!(registry.sample_value("shop_c_total", &[]), Some(1.0));
    Ok(())
}

#[test]
fn the_block_may_await_and_return_early() {
    async fn work() -> Result<u8, std::num::ParseIntError> {
        let n = assert_metric!("orders_total" { kind = "async", type = "new" } += 1, {
            ORDERS.kind("async").inc();
            std::future::ready(()).await;
            "7".parse::<u8>()?
        });
        Ok(n)
    }
    let polled = pin!(work()).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Ok(7)));
}

#[test]
fn a_different_change_fails_with_the_values_before_and_after() {
    let wrong =
        || assert_metric!("orders_total" { kind = "wrong", r#type = "new" } += 2, { ORDERS.kind("wrong").inc() });
    let panic = catch_unwind(AssertUnwindSafe(wrong)).expect_err("it changed by 1");
    let text = panic.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
    assert!(text.contains("`orders_total`") && text.contains("by 2") && text.contains("from 0 to 1"), "{text}");
}

/// The message of an assertion that fails.
fn failure(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).expect_err("the assertion fails");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_slip_in_a_name_is_a_failure_even_where_nothing_should_change() {
    let typo = failure(|| assert_metric!("ordres_total" { kind = "book" } += 0, {}));
    assert!(typo.contains("no metric gives samples named `ordres_total`; there is `orders_total`"), "{typo}");
    let bare = failure(|| assert_metric!("times" += 0, {}));
    assert!(bare.contains("`times_bucket`, `times_sum`, `times_count`"), "{bare}");
    let label = failure(|| assert_metric!("orders_total" { knid = "book" } += 0, {}));
    assert!(label.contains("`orders_total` has the labels `kind`, `type`, but no `knid`"), "{label}");
    let missing = failure(|| assert_metric!("orders_total" { kind = "book" } += 0, {}));
    assert!(missing.contains("and `type` is not given"), "{missing}");
    let bucket = failure(|| assert_metric!("times_bucket" += 0, {}));
    assert!(bucket.contains("and `le` is not given"), "{bucket}");
    let bound = failure(|| assert_metric!("times_bucket" { le = "1" } += 0, {}));
    assert!(bound.contains("has no `le=\"1\"`, but `+Inf`, `1.0`"), "{bound}");
    assert_metric!("pytheus_dropped_updates_total" { reason = "never" } += 0, {});
    assert!(failure(|| assert_metric!("pytheus_droped_updates_total" += 0, {})).contains("no metric gives"));
}

#[test]
fn a_label_value_may_be_of_any_type_that_a_label_takes() {
    let own = String::from("own");
    assert_metric!("orders_total" { kind = own, r#type = 7 } += 1, { ORDERS.kind("own").r#type(7).inc() });
    assert_metric!("orders_total" { kind = true, r#type = None::<&str> } += 1, {
        ORDERS.kind("true").r#type("").inc();
    });
}

#[test]
fn exclusive_lets_one_test_in_at_a_time_and_outlives_a_failure() {
    let inside = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let _alone = pytheus::testing::exclusive();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    std::thread::yield_now();
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    let failed = std::thread::spawn(|| {
        let _alone = pytheus::testing::exclusive();
        panic!("on purpose");
    });
    assert!(failed.join().is_err());
    drop(pytheus::testing::exclusive());
}

#[test]
fn names_that_people_stumble_over_are_found() {
    let registry = CollectorRegistry::new();
    for name in ["good_total", "bad"] {
        Counter::builder(name, "A counter.").registry(&registry).build().unwrap();
    }
    for name in ["room_total", "room", "wait_milliseconds", "room_sum"] {
        Gauge::builder(name, "A gauge.").registry(&registry).build().unwrap();
    }
    Histogram::builder("wait_seconds", "Time.").registry(&registry).build().unwrap();
    let found = lint(&registry).unwrap();
    let expected = [
        ("`bad`", "counter"),
        ("`room_sum`", "`_sum`"),
        ("`room_total`", "no counter"),
        ("`wait_milliseconds`", "seconds"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (line, (name, what)) in found.iter().zip(expected) {
        assert!(line.contains(name) && line.contains(what), "{line}");
    }
}
