//! Histograms and summaries behave as those of Python pytheus.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is observed here is exact")]

use std::error::Error;

use pytheus::collector::Collector;
use pytheus::descriptor::{DEFAULT_BUCKETS, Kind};
use pytheus::error::RegisterError;
use pytheus::metrics::{Family, Histogram, Summary};
use pytheus::snapshot::{FamilySnapshot, Sample};

type Test = Result<(), Box<dyn Error + Send + Sync>>;

/// No labels, for calls that take some.
const NONE: [(&str, &str); 0] = [];

const BUCKETS: [f64; 3] = [0.2, 0.5, 1.0];

fn histogram() -> Histogram {
    Histogram::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn histogram_with(buckets: &[f64]) -> Result<Histogram, RegisterError> {
    Histogram::builder("name", "desc").buckets(buckets.iter().copied()).unregistered().build()
}

fn labelled_histogram() -> Result<Family<Histogram>, RegisterError> {
    Histogram::builder("name", "desc").label_names(["bob"]).unregistered().build()
}

fn summary() -> Summary {
    Summary::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn labelled_summary() -> Result<Family<Summary>, RegisterError> {
    Summary::builder("name", "desc").label_names(["bob"]).unregistered().build()
}

fn samples(collector: &dyn Collector) -> Vec<Sample> {
    let families = collector.collect().expect("a family of the library can be collected");
    families.iter().flat_map(FamilySnapshot::samples).collect()
}

/// The bucket samples: upper bound and count.
fn buckets(collector: &dyn Collector) -> Vec<(String, f64)> {
    let samples = samples(collector);
    let buckets = samples.iter().filter(|sample| sample.suffix() == "_bucket");
    buckets
        .map(|sample| {
            let le = sample.labels().find(|(name, _)| *name == "le").expect("each bucket has its bound");
            (le.1.to_owned(), sample.value().as_f64())
        })
        .collect()
}

fn bounds(collector: &dyn Collector) -> Vec<String> {
    buckets(collector).into_iter().map(|(bound, _)| bound).collect()
}

fn suffixes(collector: &dyn Collector) -> Vec<&'static str> {
    samples(collector).iter().map(Sample::suffix).collect()
}

#[test]
fn a_histogram_is_a_histogram() {
    assert_eq!(histogram().collector().descriptors()[0].kind(), Kind::Histogram);
}

#[test]
fn a_histogram_may_have_labels() -> Test {
    let family = Histogram::builder("name", "desc").label_names(["bob", "cat"]).unregistered().build()?;
    assert!(family.descriptor().label_names().eq(["bob", "cat"]));
    Ok(())
}

#[test]
fn a_histogram_with_the_label_le_is_refused() {
    let error = Histogram::builder("name", "desc").label_names(["bob", "le"]).unregistered().build();
    let error = error.expect_err("the buckets have that label").to_string();
    assert!(error.contains("label `le`"), "{error}");
}

#[test]
fn the_infinite_bucket_is_added_when_missing() -> Test {
    assert_eq!(bounds(&*histogram_with(&BUCKETS)?.collector()), ["0.2", "0.5", "1.0", "+Inf"]);
    Ok(())
}

#[test]
fn an_infinite_bucket_that_is_given_is_not_added_again() -> Test {
    let given = histogram_with(&[0.2, 0.5, 1.0, f64::INFINITY])?;
    assert_eq!(bounds(&*given.collector()), ["0.2", "0.5", "1.0", "+Inf"]);
    Ok(())
}

#[test]
fn buckets_in_rising_order_are_accepted() -> Test {
    let histogram = histogram_with(&BUCKETS)?;
    assert_eq!(histogram.collector().descriptors()[0].buckets(), BUCKETS);
    Ok(())
}

#[test]
fn buckets_out_of_order_are_refused() {
    let error = histogram_with(&[0.2, 1.0, 0.5]).expect_err("1 stands before 0.5").to_string();
    assert!(error.contains("rising order"), "{error}");
}

#[test]
fn without_buckets_the_eleven_defaults_are_used() {
    let collector = histogram().collector();
    assert_eq!(collector.descriptors()[0].buckets(), DEFAULT_BUCKETS);
    assert_eq!(DEFAULT_BUCKETS, [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
    assert_eq!(bounds(&*collector).len(), 12);
}

/// Python takes the defaults: an empty list is more likely a mistake.
#[test]
fn an_empty_list_of_buckets_is_refused() {
    let error = histogram_with(&[]).expect_err("no bucket at all").to_string();
    assert!(error.contains("default eleven"), "{error}");
}

#[test]
fn a_histogram_has_only_the_samples_of_its_parts() {
    assert!(suffixes(&*histogram().collector()).iter().all(|suffix| !suffix.is_empty()));
}

#[test]
fn a_labelled_histogram_has_no_samples_before_its_labels_are_given() -> Test {
    let family = labelled_histogram()?;
    let _partial = family.partial(NONE)?;
    assert!(samples(&*family.collector()).is_empty());
    Ok(())
}

#[test]
fn a_labelled_histogram_has_all_its_samples_once_its_labels_are_given() -> Test {
    let family = labelled_histogram()?;
    let child = family.labels([("bob", "cat")])?;
    assert_eq!((child.count(), child.sum()), (0, 0.0));
    assert_eq!(buckets(&*family.collector()).len(), 12);
    assert_eq!(samples(&*family.collector()).len(), 14);
    Ok(())
}

#[test]
fn a_labelled_histogram_has_the_buckets_that_were_given() -> Test {
    let family = Histogram::builder("name", "desc").label_names(["bob"]).buckets(BUCKETS).unregistered().build()?;
    family.labels([("bob", "cat")])?;
    assert_eq!(bounds(&*family.collector()), ["0.2", "0.5", "1.0", "+Inf"]);
    Ok(())
}

#[test]
fn a_histogram_gives_its_buckets_then_sum_and_count() -> Test {
    let collector = histogram_with(&BUCKETS)?.collector();
    assert_eq!(suffixes(&*collector), ["_bucket", "_bucket", "_bucket", "_bucket", "_sum", "_count"]);
    assert_eq!(samples(&*collector)[0].labels().collect::<Vec<_>>(), [("le", "0.2")]);
    Ok(())
}

/// A handle without `bob` has no `observe`, so that part is a compile error; at run time the labels are an `Err`.
#[test]
fn a_histogram_without_its_labels_cannot_observe() -> Test {
    let error = labelled_histogram()?.labels(NONE).expect_err("`bob` is missing");
    assert_eq!(error.missing(), ["bob"]);
    Ok(())
}

#[test]
fn an_observation_is_counted_in_each_bucket_that_it_fits() -> Test {
    let histogram = histogram_with(&BUCKETS)?;
    histogram.observe(0.4);
    assert_eq!((histogram.count(), histogram.sum()), (1, 0.4));
    let counts: Vec<f64> = buckets(&*histogram.collector()).into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts, [0.0, 1.0, 1.0, 1.0]);
    Ok(())
}

#[test]
fn an_observation_equal_to_a_bound_is_within_it() -> Test {
    let histogram = histogram_with(&BUCKETS)?;
    histogram.observe(0.2);
    assert_eq!(buckets(&*histogram.collector())[0], ("0.2".to_owned(), 1.0));
    Ok(())
}

#[test]
fn the_series_of_a_histogram_do_not_mix() -> Test {
    let family = Histogram::builder("name", "desc").label_names(["one", "two"]).unregistered().build()?;
    family.labels([("one", "hello"), ("two", "world")])?.observe(2.0);
    family.labels([("one", "bob"), ("two", "cat")])?.observe(3.0);
    assert_eq!(family.labels([("two", "world"), ("one", "hello")])?.sum(), 2.0);
    assert_eq!(family.labels([("two", "cat"), ("one", "bob")])?.sum(), 3.0);
    Ok(())
}

#[test]
fn a_summary_is_a_summary() {
    assert_eq!(summary().collector().descriptors()[0].kind(), Kind::Summary);
}

#[test]
fn a_summary_may_have_labels() -> Test {
    let family = Summary::builder("name", "desc").label_names(["bob", "cat"]).unregistered().build()?;
    assert!(family.descriptor().label_names().eq(["bob", "cat"]));
    Ok(())
}

#[test]
fn a_summary_with_the_label_quantile_is_refused() {
    let error = Summary::builder("name", "desc").label_names(["bob", "quantile"]).unregistered().build();
    let error = error.expect_err("Prometheus keeps that label for summaries").to_string();
    assert!(error.contains("label `quantile`"), "{error}");
}

#[test]
fn a_summary_has_only_the_samples_of_its_parts() {
    assert!(suffixes(&*summary().collector()).iter().all(|suffix| !suffix.is_empty()));
}

#[test]
fn a_labelled_summary_has_no_samples_before_its_labels_are_given() -> Test {
    let family = labelled_summary()?;
    let _partial = family.partial(NONE)?;
    assert!(samples(&*family.collector()).is_empty());
    Ok(())
}

#[test]
fn a_labelled_summary_has_all_its_samples_once_its_labels_are_given() -> Test {
    let family = labelled_summary()?;
    let child = family.labels([("bob", "cat")])?;
    assert_eq!((child.count(), child.sum()), (0, 0.0));
    assert_eq!(samples(&*family.collector()).len(), 2);
    Ok(())
}

#[test]
fn a_summary_gives_its_sum_and_count() {
    assert_eq!(suffixes(&*summary().collector()), ["_sum", "_count"]);
}

/// A handle without `bob` has no `observe`, so that part is a compile error; at run time the labels are an `Err`.
#[test]
fn a_summary_without_its_labels_cannot_observe() -> Test {
    let error = labelled_summary()?.labels(NONE).expect_err("`bob` is missing");
    assert_eq!(error.missing(), ["bob"]);
    Ok(())
}

#[test]
fn a_summary_counts_and_adds_up_what_it_observes() {
    let summary = summary();
    summary.observe(0.4);
    assert_eq!((summary.count(), summary.sum()), (1, 0.4));
}
