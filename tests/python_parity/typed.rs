//! The labels of a declared metric are methods: what keyword arguments are in Python pytheus.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use pytheus::error::LabelError;
use pytheus::metric;
use pytheus::registry::{REGISTRY, Registry};

#[test]
fn each_label_is_a_method() {
    metric! {
        /// Hits.
        static HITS: Counter = "hits_total" { labels: { a } };
    }

    HITS.a("1").inc();
    assert_eq!(REGISTRY.sample_value("hits_total", &[("a", "1")]), Some(1.0));
}

#[test]
fn a_declared_metric_takes_labels_by_name() -> Result<(), LabelError> {
    metric! {
        /// Hits.
        static HITS: Counter = "named_hits_total" { labels: { a } };
    }

    HITS.labels([("a", "1")])?.inc();
    assert_eq!(HITS.a("1").get(), 1.0);
    assert_eq!(HITS.labels([("b", "1")]).expect_err("there is no such label").unknown(), ["b"]);
    Ok(())
}

#[test]
fn methods_in_any_order_give_the_same_series() {
    metric! {
        /// Hits.
        static HITS: Counter = "ordered_hits_total" { labels: { a, b } };
    }

    HITS.a("1").b("2").inc();
    HITS.b("2").a("1").inc();
    assert_eq!(HITS.a("1").b("2").get(), 2.0);
}

#[test]
fn a_partial_set_of_methods_can_be_kept_and_finished_more_than_once() {
    metric! {
        /// Hits.
        static HITS: Counter = "partial_hits_total" { labels: { a, b } };
    }

    let partial = HITS.a("1");
    assert!(!samples().contains("partial_hits_total{"));
    partial.b("2").inc();
    partial.b("3").inc_by(2.0);
    assert_eq!((HITS.a("1").b("2").get(), HITS.a("1").b("3").get()), (1.0, 2.0));
}

fn samples() -> String {
    pytheus::exposition::generate_metrics().expect("one process has its own totals")
}

#[test]
fn a_label_that_has_a_default_can_be_left_out() {
    metric! {
        /// Hits.
        static HITS: Counter = "default_hits_total" { labels: { bob = "1", cat } };
    }

    HITS.cat("2").inc();
    assert_eq!(REGISTRY.sample_value("default_hits_total", &[("bob", "1"), ("cat", "2")]), Some(1.0));
}

#[test]
fn a_label_that_has_a_default_can_be_given_by_its_method() {
    metric! {
        /// Hits.
        static HITS: Counter = "overridden_hits_total" { labels: { bob = "1", cat } };
    }

    HITS.cat("2").bob("2").inc();
    assert_eq!(REGISTRY.sample_value("overridden_hits_total", &[("bob", "2"), ("cat", "2")]), Some(1.0));
}

#[test]
fn a_metric_whose_labels_all_have_defaults_counts_without_any_being_given() {
    metric! {
        /// Hits.
        static HITS: Counter = "all_default_hits_total" { labels: { bob = "1", cat = "2" } };
    }

    HITS.inc();
    assert_eq!(REGISTRY.sample_value("all_default_hits_total", &[("bob", "1"), ("cat", "2")]), Some(1.0));
}
