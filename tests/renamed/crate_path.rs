//! Under another name, each macro finds its way: by `crate = path`, or by itself.
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]

use metrics_of_ours::registry::{REGISTRY, Registry};
use metrics_of_ours::{LabelSet, LabelValue, assert_metric, counter, gauge, histogram, metric, summary};

mod reexport {
    pub(crate) mod deep {
        pub(crate) use ::metrics_of_ours as metrics;
    }
}

metric! {
    /// Orders.
    static ORDERS: Counter = "orders_total" { labels: { size: Size, shop = "main" } };
    /// Is it open?
    static OPEN: StateSet<Door> = "open";
}

metric! {
    /// Parcels.
    static PARCELS: Counter = "parcels_total" { labels: Parcel<'_> };
}

/// The labels of a parcel.
#[derive(LabelSet)]
#[label_set(crate = reexport::deep::metrics)]
struct Parcel<'a> {
    size: Size,
    to: &'a str,
}

#[derive(LabelValue, Clone, Copy)]
#[label_value(crate = metrics_of_ours)]
enum Size {
    Small,
    Large,
}

#[derive(LabelValue, Clone, Copy)]
#[label_value(crate = reexport::deep::metrics, rename_all = "lowercase")]
enum Door {
    Open,
    Closed,
}

#[counter(name = "jobs_total", help = "J.", labels(outcome, size: Size = size), crate = metrics_of_ours)]
#[counter(ORDERS.size(size), crate = metrics_of_ours)]
#[gauge(name = "jobs_busy", help = "J.", track_inprogress, crate = metrics_of_ours)]
#[histogram(crate = crate::reexport::deep::metrics, name = "job_seconds", help = "J.", buckets = linear(1.0, 1.0, 3))]
#[summary(name = "job_times", help = "J.", labels(outcome), crate = metrics_of_ours)]
fn job(size: Size, fails: bool) -> Result<Option<f64>, &'static str> {
    if fails { Err("as asked") } else { Ok(value("jobs_busy", &[])) }
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

// One test: all count in one registry.
#[test]
fn every_macro_finds_the_crate_by_the_path_it_is_given() {
    assert_eq!(value("jobs_total", &[("outcome", "ok"), ("size", "small")]), Some(0.0));
    assert_eq!(job(Size::Small, false), Ok(Some(1.0)));
    assert_metric!("jobs_total" { outcome = "error", size = Size::Large } += 1, {
        assert!(job(Size::Large, true).is_err());
    });
    assert_eq!(value("jobs_total", &[("outcome", "ok"), ("size", "small")]), Some(1.0));
    assert_eq!(value("jobs_total", &[("outcome", "error"), ("size", "large")]), Some(1.0));
    assert_eq!(value("orders_total", &[("shop", "main"), ("size", "large")]), Some(1.0));
    assert_eq!(value("jobs_busy", &[]), Some(0.0));
    assert_eq!(value("job_seconds_bucket", &[("le", "+Inf")]), Some(2.0));
    assert_eq!(value("job_times_count", &[("outcome", "error")]), Some(1.0));

    PARCELS.with(&Parcel { size: Size::Small, to: "Rome" }).inc();
    assert_eq!(value("parcels_total", &[("size", "small"), ("to", "Rome")]), Some(1.0));

    OPEN.set(Door::Closed);
    OPEN.set(Door::Open);
    assert_eq!(value("open", &[("open", "open")]), Some(1.0));
    assert_eq!(value("open", &[("open", "closed")]), Some(0.0));
}
