//! Under another name, one line in the root of the crate stands for every `crate = path`.
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]

extern crate metrics_of_ours as pytheus;

use pytheus::registry::{REGISTRY, Registry};

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

/// Not the root: here, too, the macros write `::pytheus`.
mod shop {
    use pytheus::{LabelValue, counter, gauge, histogram, metric, summary};

    metric! {
        /// Orders.
        pub(super) static ORDERS: Counter = "orders_total" { labels: { size: Size } };
    }

    #[derive(LabelValue, Clone, Copy)]
    pub(super) enum Size {
        Small,
        Large,
    }

    #[counter(name = "jobs_total", help = "J.", labels(outcome, size: Size = size))]
    #[counter(ORDERS.size(size))]
    #[gauge(name = "jobs_busy", help = "J.", track_inprogress)]
    #[histogram(name = "job_seconds", help = "J.", buckets = [1.0])]
    #[summary(name = "job_times", help = "J.", labels(outcome))]
    pub(super) fn job(size: Size, fails: bool) -> Result<Option<f64>, &'static str> {
        if fails { Err("as asked") } else { Ok(super::value("jobs_busy", &[])) }
    }
}

// One test: all count in one registry.
#[test]
fn one_line_in_the_root_gives_every_macro_its_way() {
    assert_eq!(value("jobs_total", &[("outcome", "ok"), ("size", "large")]), Some(0.0));
    assert_eq!(shop::job(shop::Size::Small, false), Ok(Some(1.0)));
    pytheus::assert_metric!("jobs_total" { outcome = "error", size = shop::Size::Large } += 1, {
        assert!(shop::job(shop::Size::Large, true).is_err());
    });
    assert_eq!(value("jobs_total", &[("outcome", "ok"), ("size", "small")]), Some(1.0));
    assert_eq!(value("jobs_total", &[("outcome", "error"), ("size", "large")]), Some(1.0));
    assert_eq!(value("orders_total", &[("size", "small")]), Some(1.0));
    assert_eq!(value("jobs_busy", &[]), Some(0.0));
    assert_eq!(value("job_seconds_count", &[]), Some(2.0));
    assert_eq!(value("job_times_count", &[("outcome", "error")]), Some(1.0));

    shop::ORDERS.size(shop::Size::Small).inc();
    assert_eq!(value("orders_total", &[("size", "small")]), Some(2.0));
}
