//! Histograms and summaries: buckets, their edges, sums, and what is refused.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::time::Duration;

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Histogram, Summary, exponential_buckets, linear_buckets};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

type TestResult = Result<(), Box<dyn Error>>;

/// The lines of samples, without `# HELP` and `# TYPE`.
fn samples(registry: &CollectorRegistry) -> Result<Vec<String>, Box<dyn Error>> {
    let text = generate_metrics_from(registry)?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

fn refused(bounds: &[f64]) -> String {
    let built = Histogram::builder("refused", "Refused.").buckets(bounds.iter().copied()).unregistered().build();
    built.map(|_| ()).expect_err("these bounds are no buckets").to_string()
}

#[test]
fn a_value_that_equals_a_bound_belongs_to_its_bucket() -> TestResult {
    let registry = CollectorRegistry::new();
    let sizes = Histogram::builder("size", "Size.").buckets([-1.0, 0.0, 0.5, 2.0]).registry(&registry).build()?;
    for value in [-1.0, -0.5, -0.0, 0.0, 0.5, 0.75, 2.0, 2.5] {
        sizes.observe(value);
    }
    let expected = [
        "size_bucket{le=\"-1.0\"} 1",
        "size_bucket{le=\"0.0\"} 4",
        "size_bucket{le=\"0.5\"} 5",
        "size_bucket{le=\"2.0\"} 7",
        "size_bucket{le=\"+Inf\"} 8",
        "size_sum 4.25",
        "size_count 8",
    ];
    assert_eq!(samples(&registry)?, expected);
    assert_eq!((sizes.count(), sizes.sum()), (8, 4.25));
    Ok(())
}

#[test]
fn infinity_may_end_the_bounds_or_be_left_out() -> TestResult {
    let [with, without] = [CollectorRegistry::new(), CollectorRegistry::new()];
    let given = Histogram::builder("x", "X.").buckets([1.0, f64::INFINITY]).registry(&with).build()?;
    let added = Histogram::builder("x", "X.").buckets([1.0]).registry(&without).build()?;
    given.observe(3.0);
    added.observe(3.0);
    assert_eq!(samples(&with)?, ["x_bucket{le=\"1.0\"} 0", "x_bucket{le=\"+Inf\"} 1", "x_sum 3", "x_count 1"]);
    assert_eq!(samples(&with)?, samples(&without)?);
    // The two descriptions are one, too.
    let shared = Histogram::builder("x", "X.").buckets([1.0]).registry(&with).build()?;
    shared.observe(0.5);
    assert_eq!(given.count(), 2);
    Ok(())
}

#[test]
fn the_default_buckets_are_the_eleven_of_the_other_clients() -> TestResult {
    let registry = CollectorRegistry::new();
    let times = Histogram::builder("t_seconds", "T.").registry(&registry).build()?;
    times.observe(0.3);
    let bounds: Vec<String> = samples(&registry)?
        .iter()
        .filter_map(|line| Some(line.split_once("le=\"")?.1.split_once('"')?.0.into()))
        .collect();
    assert_eq!(bounds, ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"]);
    Ok(())
}

#[test]
fn linear_and_exponential_bounds_are_exact() -> TestResult {
    assert_eq!(linear_buckets::<4>(-1.0, 0.5), [-1.0, -0.5, 0.0, 0.5]);
    assert_eq!(linear_buckets::<3>(0.1, 0.1), [0.1, 0.2, 0.1 + 0.1 * 2.0]);
    assert_eq!(exponential_buckets::<5>(0.25, 2.0), [0.25, 0.5, 1.0, 2.0, 4.0]);
    let registry = CollectorRegistry::new();
    Histogram::builder("e", "E.").buckets(const { exponential_buckets::<3>(1.0, 10.0) }).registry(&registry).build()?;
    assert!(samples(&registry)?.contains(&"e_bucket{le=\"100.0\"} 0".to_owned()));
    Ok(())
}

#[test]
fn bad_bounds_are_errors_with_a_reason() {
    for (bounds, says) in [
        (&[][..], "at least one bucket"),
        (&[1.0, 1.0], "given twice"),
        (&[0.0, -0.0], "given twice"),
        (&[2.0, 1.0], "rising order"),
        (&[1.0, f64::INFINITY, 2.0], "rising order"),
        (&[f64::NAN], "NaN"),
        (&[1.0, f64::NAN, 2.0], "NaN"),
        (&[f64::NEG_INFINITY, 1.0], "-Inf"),
        (&[f64::INFINITY], "at least one finite bound"),
        (&[1.0, f64::INFINITY, f64::INFINITY], "given twice"),
        (&linear_buckets::<3>(1.0, -1.0), "rising order"),
        (&exponential_buckets::<3>(1.0, 1.0), "given twice"),
        (&exponential_buckets::<3>(0.0, 2.0), "given twice"),
    ] {
        let error = refused(bounds);
        assert!(error.contains(says), "{bounds:?}: {error}");
        assert!(error.contains("`refused`"), "{bounds:?}: {error}");
    }
}

#[test]
fn observations_that_would_spoil_the_sum_are_refused_and_counted() -> TestResult {
    let histogram = Histogram::builder("h", "H.").unregistered().build()?;
    let summary = Summary::builder("s", "S.").unregistered().build()?;
    let dropped = || {
        REGISTRY
            .sample_value("pytheus_dropped_updates_total", &[("reason", "non_finite_observation")])
            .unwrap_or_default()
    };
    let before = dropped();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        histogram.observe(value);
        summary.observe(value);
    }
    assert_eq!(dropped() - before, 6.0);
    assert_eq!((histogram.count(), histogram.sum()), (0, 0.0));
    assert_eq!((summary.count(), summary.sum()), (0, 0.0));
    Ok(())
}

#[test]
fn a_summary_is_a_sum_and_a_count() -> TestResult {
    let registry = CollectorRegistry::new();
    let replies = Summary::builder("reply_bytes", "Replies.").unit("bytes").registry(&registry).build()?;
    assert_eq!(samples(&registry)?, ["reply_bytes_sum 0", "reply_bytes_count 0"]);
    replies.observe(512.0);
    replies.observe(-0.5);
    replies.observe_duration(Duration::from_millis(250));
    assert_eq!(samples(&registry)?, ["reply_bytes_sum 511.75", "reply_bytes_count 3"]);
    assert!(generate_metrics_from(&registry)?.contains("# TYPE reply_bytes summary\n"));
    Ok(())
}

#[test]
fn a_duration_is_observed_in_seconds() -> TestResult {
    let times = Histogram::builder("times", "Times.").unregistered().build()?;
    times.observe_duration(Duration::from_millis(1_500));
    assert_eq!(times.sum(), 1.5);
    Ok(())
}

#[test]
fn a_histogram_with_labels_gives_all_parts_of_each_series_together() -> TestResult {
    let registry = CollectorRegistry::new();
    let times =
        Histogram::builder("t", "T.").label_names(["zone", "app"]).buckets([1.0]).registry(&registry).build()?;
    times.labels([("zone", "b"), ("app", "x")])?.observe(2.0);
    times.labels([("zone", "a"), ("app", "x")])?.observe(0.5);
    let expected = [
        "t_bucket{app=\"x\",zone=\"a\",le=\"1.0\"} 1",
        "t_bucket{app=\"x\",zone=\"a\",le=\"+Inf\"} 1",
        "t_sum{app=\"x\",zone=\"a\"} 0.5",
        "t_count{app=\"x\",zone=\"a\"} 1",
        "t_bucket{app=\"x\",zone=\"b\",le=\"1.0\"} 0",
        "t_bucket{app=\"x\",zone=\"b\",le=\"+Inf\"} 1",
        "t_sum{app=\"x\",zone=\"b\"} 2",
        "t_count{app=\"x\",zone=\"b\"} 1",
    ];
    assert_eq!(samples(&registry)?, expected);
    Ok(())
}
