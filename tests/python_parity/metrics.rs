//! Counters and gauges behave as those of Python pytheus.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use pytheus::descriptor::Kind;
use pytheus::metrics::{Counter, Gauge};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

use crate::fault::{Fault, raise};

type Test = Result<(), Box<dyn Error + Send + Sync>>;

fn counter() -> Counter {
    Counter::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn gauge() -> Gauge {
    Gauge::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

#[test]
fn a_name_of_the_data_model_is_accepted() -> Test {
    for name in [
        "prometheus_notifications_total",
        "process_cpu_seconds_total",
        "http_request_duration_seconds",
        "node_memory_usage_bytes",
        "http_requests_total",
        "foobar_build_info",
        "data_pipeline_last_record_processed_timestamp_seconds",
    ] {
        let metric = Counter::builder(name, "desc").unregistered().build()?;
        assert_eq!(metric.collector().descriptors()[0].name(), name);
    }
    Ok(())
}

#[test]
fn a_name_outside_the_data_model_is_refused() {
    for name in ["invalid.name", "µspecialcharacter", "http_req@st_total", "http{request}"] {
        let error = Counter::builder(name, "desc").unregistered().build().expect_err("no metric name");
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.to_string().contains("invalid metric name"), "{error}");
    }
}

#[test]
fn a_metric_knows_its_name_and_help() {
    let described = counter().collector().descriptors();
    assert_eq!(described.len(), 1);
    assert_eq!((described[0].name(), described[0].help()), ("name", "desc"));
}

#[test]
fn a_metric_without_labels_has_one_sample() -> Test {
    let families = counter().collector().collect()?;
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].samples().len(), 1);
    assert_eq!(families[0].samples()[0].labels().count(), 0);
    Ok(())
}

#[test]
fn a_metric_without_labels_is_at_zero_before_it_is_touched() -> Test {
    let families = counter().collector().collect()?;
    let sample = &families[0].samples()[0];
    assert_eq!((sample.suffix(), sample.value().as_f64()), ("", 0.0));
    Ok(())
}

#[test]
fn a_metric_without_labels_counts_without_any_being_given() {
    let counter = counter();
    counter.inc();
    assert_eq!(counter.get(), 1.0);
}

#[test]
fn an_unregistered_metric_is_in_no_registry() -> Test {
    let unseen = Counter::builder("unseen_total", "desc").unregistered().build()?;
    unseen.inc();
    assert_eq!(REGISTRY.sample_value("unseen_total", &[]), None);
    assert!(REGISTRY.unregister("unseen_total").is_none());
    Ok(())
}

#[test]
fn a_handle_and_its_clone_count_in_one_series() {
    let counter = counter();
    let other = counter.clone();
    counter.inc();
    other.inc_by(2.0);
    assert_eq!(counter.get(), 3.0);
    assert_eq!(other.get(), 3.0);
}

#[test]
fn a_namespace_stands_before_the_name() -> Test {
    for (namespace, name) in
        [(None, "bob"), (Some("namespace"), "namespace_bob"), (Some("namespace_subsystem"), "namespace_subsystem_bob")]
    {
        let builder = Counter::builder("bob", "desc").unregistered();
        let metric = match namespace {
            Some(namespace) => builder.namespace(namespace).build()?,
            None => builder.build()?,
        };
        assert_eq!(metric.collector().descriptors()[0].name(), name);
    }
    Ok(())
}

#[test]
fn a_counter_is_a_counter() {
    assert_eq!(counter().collector().descriptors()[0].kind(), Kind::Counter);
}

#[test]
fn a_counter_goes_up_by_one() {
    let counter = counter();
    counter.inc();
    assert_eq!(counter.get(), 1.0);
}

#[test]
fn a_counter_goes_up_by_an_amount() {
    let counter = counter();
    counter.inc_by(7.2);
    assert_eq!(counter.get(), 7.2);
}

/// Python raises; here the request goes on, the counter stays, and the refusal is counted.
#[test]
fn a_negative_increment_is_refused_and_counted() {
    let refused = || {
        let reason = [("reason", "negative_increment")];
        REGISTRY.sample_value("pytheus_dropped_updates_total", &reason).unwrap_or_default()
    };
    let counter = counter();
    counter.inc_by(2.0);
    let before = refused();
    counter.inc_by(-1.0);
    assert_eq!(counter.get(), 2.0);
    assert_eq!(refused(), before + 1.0);
}

#[test]
fn an_error_is_counted_and_handed_on() {
    let counter = counter();
    assert_eq!(counter.count_errors(|| raise(Fault::Value)), Err(Fault::Value));
    assert_eq!(counter.get(), 1.0);
    assert_eq!(counter.count_errors(|| Ok::<_, Fault>(7)), Ok(7));
    assert_eq!(counter.get(), 1.0);
}

#[test]
fn an_error_that_is_asked_for_is_counted() {
    let counter = counter();
    let result = counter.count_errors_if(|| raise(Fault::Value), |fault| matches!(fault, Fault::Index | Fault::Value));
    assert_eq!(result, Err(Fault::Value));
    assert_eq!(counter.get(), 1.0);
}

#[test]
fn an_error_that_is_not_asked_for_is_handed_on_uncounted() {
    let counter = counter();
    let result = counter.count_errors_if(|| raise(Fault::Value), |fault| matches!(fault, Fault::Index));
    assert_eq!(result, Err(Fault::Value));
    assert_eq!(counter.get(), 0.0);
    let result = counter.count_errors_if(|| raise(Fault::Index), |fault| matches!(fault, Fault::Index));
    assert_eq!(result, Err(Fault::Index));
    assert_eq!(counter.get(), 1.0);
}

#[test]
fn a_gauge_is_a_gauge() {
    assert_eq!(gauge().collector().descriptors()[0].kind(), Kind::Gauge);
}

#[test]
fn a_gauge_starts_at_zero() {
    assert_eq!(gauge().get(), 0.0);
}

#[test]
fn a_gauge_goes_up_by_one() {
    let gauge = gauge();
    gauge.inc();
    assert_eq!(gauge.get(), 1.0);
}

#[test]
fn a_gauge_goes_up_by_an_amount() {
    let gauge = gauge();
    gauge.inc_by(7.2);
    assert_eq!(gauge.get(), 7.2);
}

#[test]
fn a_gauge_goes_down_by_a_negative_increment() {
    let gauge = gauge();
    gauge.inc_by(-7.2);
    assert_eq!(gauge.get(), -7.2);
}

#[test]
fn a_gauge_goes_down_by_one() {
    let gauge = gauge();
    gauge.dec();
    assert_eq!(gauge.get(), -1.0);
}

#[test]
fn a_gauge_goes_down_by_an_amount() {
    let gauge = gauge();
    gauge.dec_by(7.2);
    assert_eq!(gauge.get(), -7.2);
}

#[test]
fn a_gauge_goes_up_by_a_negative_decrement() {
    let gauge = gauge();
    gauge.dec_by(-7.2);
    assert_eq!(gauge.get(), 7.2);
}

#[test]
fn a_gauge_can_be_set() {
    let gauge = gauge();
    gauge.inc_by(3.0);
    gauge.set(5.2);
    assert_eq!(gauge.get(), 5.2);
}

#[test]
fn a_gauge_can_be_set_below_zero() {
    let gauge = gauge();
    gauge.set(-5.2);
    assert_eq!(gauge.get(), -5.2);
}

#[test]
fn a_gauge_can_be_set_to_the_time_of_day() -> Test {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs_f64());
    let gauge = gauge();
    let before = now()?;
    gauge.set_to_current_time();
    assert!((before..=now()?).contains(&gauge.get()), "{}", gauge.get());
    Ok(())
}

#[test]
fn what_a_metric_counts_is_what_its_registry_shows() -> Test {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("name", "desc").registry(&registry).build()?;
    counter.inc_by(2.5);
    assert_eq!(registry.sample_value("name", &[]), Some(counter.get()));
    Ok(())
}
