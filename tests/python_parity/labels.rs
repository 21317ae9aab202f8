//! Required, default and partial labels behave as those of Python pytheus.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;

use pytheus::error::{LabelError, RegisterError};
use pytheus::metrics::{Counter, Family, Metric};

type Test = Result<(), Box<dyn Error + Send + Sync>>;

/// No labels, for calls that take some.
const NONE: [(&str, &str); 0] = [];

fn counter<const N: usize>(labels: [&str; N]) -> Result<Family<Counter>, RegisterError> {
    Counter::builder("name", "desc").label_names(labels).unregistered().build()
}

fn counter_with_defaults<const N: usize, const D: usize>(
    labels: [&str; N],
    defaults: [(&str, &str); D],
) -> Result<Family<Counter>, RegisterError> {
    Counter::builder("name", "desc").label_names(labels).default_labels(defaults).unregistered().build()
}

/// The labels of each sample, in the order of the output.
fn series<M: Metric>(family: &Family<M>) -> Vec<Vec<(String, String)>> {
    let families = family.collector().collect().expect("a family of the library can be collected");
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    families[0].samples().iter().map(|sample| sample.labels().map(owned).collect()).collect()
}

fn labels<const N: usize>(labels: [(&str, &str); N]) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn refused<T>(result: Result<T, LabelError>) -> LabelError {
    result.err().expect("the labels are not those of the metric")
}

#[test]
fn a_label_name_of_the_data_model_is_accepted() -> Test {
    let family = counter(["action", "method", "_type"])?;
    assert!(family.descriptor().label_names().eq(["_type", "action", "method"]));
    Ok(())
}

#[test]
fn a_label_name_outside_the_data_model_is_refused() {
    for name in ["__private", "microµ", "@type"] {
        let error = counter([name]).expect_err("no label name");
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.to_string().contains("invalid label name"), "{error}");
    }
}

#[test]
fn a_family_knows_its_name_help_and_labels() -> Test {
    let family = counter(["a", "b"])?;
    assert_eq!((family.descriptor().name(), family.descriptor().help()), ("name", "desc"));
    assert!(family.descriptor().label_names().eq(["a", "b"]));
    Ok(())
}

#[test]
fn each_complete_set_of_labels_is_a_series_and_a_partial_one_is_not() -> Test {
    let family = counter(["a", "b"])?;
    family.labels([("a", "1"), ("b", "2")])?;
    family.labels([("a", "7"), ("b", "8")])?;
    let _kept = family.partial([("a", "6")])?;
    assert_eq!(series(&family), [labels([("a", "1"), ("b", "2")]), labels([("a", "7"), ("b", "8")])]);
    Ok(())
}

#[test]
fn a_family_whose_labels_all_have_defaults_shows_that_series_from_the_start() -> Test {
    let family = counter_with_defaults(["a"], [("a", "1")])?;
    assert_eq!(series(&family), [labels([("a", "1")])]);
    Ok(())
}

#[test]
fn a_default_may_be_any_label_value() -> Test {
    let family =
        Counter::builder("name", "desc").label_names(["a"]).default_labels([("a", 1)]).unregistered().build()?;
    assert_eq!(series(&family), [labels([("a", "1")])]);
    Ok(())
}

#[test]
fn a_default_completes_the_labels_that_are_given() -> Test {
    let family = counter_with_defaults(["a", "b"], [("a", "3")])?;
    family.labels([("a", "1"), ("b", "2")])?;
    family.labels([("a", "7"), ("b", "8")])?;
    let _kept = family.partial([("a", "6")])?;
    family.labels([("b", "5")])?;
    let expected =
        [labels([("a", "1"), ("b", "2")]), labels([("a", "3"), ("b", "5")]), labels([("a", "7"), ("b", "8")])];
    assert_eq!(series(&family), expected);
    Ok(())
}

#[test]
fn without_its_labels_a_metric_cannot_be_counted() -> Test {
    let error = refused(counter(["bob", "cat"])?.labels(NONE));
    assert_eq!(error.missing(), ["bob", "cat"]);
    Ok(())
}

#[test]
fn with_some_of_its_labels_a_metric_cannot_be_counted() -> Test {
    let family = counter(["bob", "cat"])?;
    assert_eq!(refused(family.labels([("bob", "2")])).missing(), ["cat"]);
    assert_eq!(refused(family.partial([("bob", "2")])?.labels(NONE)).missing(), ["cat"]);
    Ok(())
}

#[test]
fn with_all_of_its_labels_a_metric_can_be_counted() -> Test {
    let child = counter(["bob", "cat"])?.labels([("bob", "1"), ("cat", "2")])?;
    child.inc();
    assert_eq!(child.get(), 1.0);
    Ok(())
}

#[test]
fn the_error_of_a_missing_label_says_which_metric_and_label() -> Test {
    let message = refused(counter(["bob", "cat"])?.labels([("bob", "1")])).to_string();
    assert!(message.contains("`name`") && message.contains("missing label `cat`"), "{message}");
    Ok(())
}

#[test]
fn defaults_for_all_labels_make_a_metric_countable() -> Test {
    let family = counter_with_defaults(["bob", "cat"], [("bob", "1"), ("cat", "2")])?;
    family.default_series()?.inc();
    family.labels(NONE)?.inc();
    assert_eq!(family.labels([("bob", "1"), ("cat", "2")])?.get(), 2.0);
    Ok(())
}

#[test]
fn defaults_for_some_labels_leave_the_others_required() -> Test {
    let family = counter_with_defaults(["bob", "cat"], [("bob", "1")])?;
    assert_eq!(refused(family.default_series()).missing(), ["cat"]);
    assert!(series(&family).is_empty());
    Ok(())
}

#[test]
fn defaults_and_the_labels_without_one_make_a_metric_countable() -> Test {
    let child = counter_with_defaults(["bob", "cat"], [("bob", "1")])?.labels([("cat", "2")])?;
    child.inc();
    assert_eq!(child.get(), 1.0);
    Ok(())
}

#[test]
fn a_label_that_has_a_default_can_be_given() -> Test {
    let child = counter_with_defaults(["bob", "cat"], [("bob", "1")])?.labels([("cat", "2"), ("bob", "2")])?;
    child.inc();
    assert_eq!(child.get(), 1.0);
    Ok(())
}

#[test]
fn labels_are_given_by_name() -> Test {
    let family = counter(["a"])?;
    family.labels([("a", "1")])?;
    assert_eq!(series(&family), [labels([("a", "1")])]);
    Ok(())
}

#[test]
fn a_label_given_twice_is_refused() -> Test {
    let family = counter(["a"])?;
    assert_eq!(refused(family.labels([("a", "1"), ("a", "1")])).repeated(), ["a"]);
    Ok(())
}

#[test]
fn giving_no_labels_changes_nothing() -> Test {
    let family = counter(["a", "b"])?;
    let partial = family.partial([("a", "1")])?.partial(NONE)?;
    partial.labels([("b", "2")])?.inc();
    assert_eq!(family.labels([("a", "1"), ("b", "2")])?.get(), 1.0);
    assert_eq!(series(&family).len(), 1);
    Ok(())
}

#[test]
fn a_metric_that_declares_no_labels_takes_none() -> Test {
    let family = counter([])?;
    assert_eq!(refused(family.labels([("a", "1")])).unknown(), ["a"]);
    Ok(())
}

#[test]
fn a_partial_set_of_labels_is_not_exposed() -> Test {
    let family = counter(["a", "b"])?;
    let _partial = family.partial([("a", "1")])?;
    assert!(series(&family).is_empty());
    Ok(())
}

#[test]
fn a_complete_set_of_labels_is_exposed_at_zero() -> Test {
    let family = counter(["a", "b"])?;
    let child = family.labels([("a", "1"), ("b", "2")])?;
    assert_eq!(series(&family), [labels([("a", "1"), ("b", "2")])]);
    assert_eq!(child.get(), 0.0);
    Ok(())
}

#[test]
fn the_same_labels_give_the_same_series_in_any_order() -> Test {
    let family = counter(["a", "b"])?;
    let first = family.labels([("a", "1"), ("b", "2")])?;
    let second = family.labels([("b", "2"), ("a", "1")])?;
    first.inc();
    assert_eq!(second.get(), 1.0);
    assert_eq!(series(&family).len(), 1);
    Ok(())
}

#[test]
fn a_partial_set_can_be_kept_and_finished_more_than_once() -> Test {
    let family = counter(["a", "b"])?;
    let partial = family.partial([("a", "1")])?;
    partial.labels([("b", "2")])?.inc();
    partial.labels([("b", "3")])?.inc_by(2.0);
    assert_eq!(family.labels([("a", "1"), ("b", "2")])?.get(), 1.0);
    assert_eq!(family.labels([("a", "1"), ("b", "3")])?.get(), 2.0);
    Ok(())
}

#[test]
fn a_label_that_the_metric_does_not_have_is_refused() -> Test {
    let error = refused(counter(["a", "b"])?.labels([("a", "1"), ("c", "2")]));
    assert_eq!(error.unknown(), ["c"]);
    assert_eq!(error.missing(), ["b"]);
    Ok(())
}

#[test]
fn a_metric_may_have_a_default_for_each_label() -> Test {
    let family = counter_with_defaults(["bob"], [("bob", "bobvalue")])?;
    assert_eq!(series(&family), [labels([("bob", "bobvalue")])]);
    Ok(())
}

#[test]
fn a_default_for_a_metric_without_labels_is_refused() {
    let error = Counter::builder("name", "desc").default_labels([("bob", "bobvalue")]).unregistered().build();
    let error = error.expect_err("there is no such label").to_string();
    assert!(error.contains("label `bob`"), "{error}");
}

#[test]
fn a_default_for_a_label_that_is_not_required_is_refused() {
    let error = counter_with_defaults(["bob"], [("bobby", "bobbyvalue")]);
    let error = error.expect_err("there is no such label").to_string();
    assert!(error.contains("label `bobby`"), "{error}");
}

#[test]
fn a_metric_may_have_a_default_for_some_labels() -> Test {
    let family = counter_with_defaults(["bob", "bobby"], [("bob", "bobvalue")])?;
    family.labels([("bobby", "1")])?;
    assert_eq!(series(&family), [labels([("bob", "bobvalue"), ("bobby", "1")])]);
    Ok(())
}

#[test]
fn a_sample_carries_the_defaults_of_labels_that_were_not_given() -> Test {
    let family = counter_with_defaults(["bob", "cat"], [("bob", "bobvalue")])?;
    family.labels([("cat", "2")])?;
    assert_eq!(series(&family), [labels([("bob", "bobvalue"), ("cat", "2")])]);
    Ok(())
}

#[test]
fn a_default_does_not_replace_a_value_that_was_given() -> Test {
    let family = counter_with_defaults(["bob", "cat"], [("bob", "bobvalue")])?;
    family.labels([("cat", "2"), ("bob", "newvalue")])?;
    assert_eq!(series(&family), [labels([("bob", "newvalue"), ("cat", "2")])]);
    Ok(())
}

/// Python keeps two series of the same name and labels here, which Prometheus refuses.
#[test]
fn a_value_equal_to_the_default_is_the_same_series() -> Test {
    let family = counter_with_defaults(["bob", "cat"], [("bob", "bobvalue")])?;
    family.labels([("cat", "2")])?.inc();
    family.labels([("cat", "2"), ("bob", "bobvalue")])?.inc();
    assert_eq!(family.labels([("cat", "2")])?.get(), 2.0);
    assert_eq!(series(&family).len(), 1);
    Ok(())
}
