//! Labels whose names are known at run time: what is given wrongly is an error that names it.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;

use pytheus::metrics::{Counter, Family, Gauge, Histogram, Summary};
use pytheus::registry::{CollectorRegistry, Registry};

type TestResult = Result<(), Box<dyn Error>>;

fn hits() -> Family<Counter> {
    let builder = Counter::builder("hits_total", "Hits.").label_names(["method", "path", "status"]);
    builder.default_labels([("status", "200")]).unregistered().build().expect("the description is right")
}

#[test]
fn all_missing_labels_are_named() {
    let error = hits().labels([("status", "404")]).expect_err("two are missing");
    assert_eq!(error.missing(), ["method", "path"]);
    assert!(error.unknown().is_empty() && error.repeated().is_empty());
    let text = "metric `hits_total`: missing labels `method`, `path` (its labels are `method`, `path`, `status`)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn an_error_names_all_unknown_and_missing_labels() {
    let given = [("metod", "GET"), ("path", "/"), ("stauts", "200")];
    let error = hits().labels(given).expect_err("two are misspelt");
    assert_eq!(error.unknown(), ["metod", "stauts"]);
    assert_eq!(error.missing(), ["method"]);
    assert!(error.to_string().contains("unknown labels `metod`, `stauts`"), "{error}");
}

#[test]
fn labels_given_twice_in_one_call_are_named() {
    let given = [("method", "GET"), ("path", "/"), ("method", "GET"), ("path", "/x")];
    let error = hits().labels(given).expect_err("two are given twice");
    assert_eq!(error.repeated(), ["method", "path"]);
    assert!(error.missing().is_empty());
    assert!(error.to_string().contains("given twice: labels `method`, `path`"), "{error}");
}

#[test]
fn a_partial_call_reports_no_missing_labels() {
    let error = hits().partial([("metod", "GET")]).expect_err("it is misspelt");
    assert_eq!(error.unknown(), ["metod"]);
    assert!(error.missing().is_empty(), "{error}");
}

#[test]
fn a_metric_without_such_labels_says_so() -> TestResult {
    let none = Counter::builder("none_total", "None.").label_names([""; 0]).unregistered().build()?;
    let error = none.labels([("a", "b")]).expect_err("there is no label");
    assert_eq!(error.to_string(), "metric `none_total`: unknown label `a` (the metric has no labels)");
    none.default_series()?.inc();
    Ok(())
}

#[test]
fn nothing_is_counted_or_made_by_a_call_that_fails() -> TestResult {
    let registry = CollectorRegistry::new();
    let hits = Counter::builder("hits_total", "Hits.").label_names(["a", "b"]).registry(&registry).build()?;
    assert!(hits.labels([("a", "1")]).is_err());
    assert!(hits.labels([("a", "1"), ("b", "2"), ("c", "3")]).is_err());
    assert!(hits.remove([("a", "1")]).is_err());
    let _partial = hits.partial([("a", "1")])?;
    assert!(registry.collect()?.iter().all(|family| family.samples().is_empty()));
    Ok(())
}

#[test]
fn a_partial_handle_can_be_stored_and_finished_many_times() -> TestResult {
    let hits = hits();
    let get = hits.partial([("method", "GET")])?;
    let home = get.partial([("path", "/")])?;
    get.labels([("path", "/")])?.inc();
    home.labels([("status", "404")])?.inc_by(2.0);
    home.labels([("", ""); 0])?.inc();
    home.clone().labels([("status", "404")])?.inc();
    assert_eq!(hits.labels([("method", "GET"), ("path", "/")])?.get(), 2.0);
    assert_eq!(hits.labels([("method", "GET"), ("path", "/"), ("status", "404")])?.get(), 3.0);
    let error = get.labels([("status", "404")]).expect_err("the path is missing");
    assert_eq!(error.missing(), ["path"]);
    Ok(())
}

#[test]
fn a_partial_handle_takes_the_last_value_of_a_label() -> TestResult {
    let hits = hits();
    let get = hits.partial([("method", "GET"), ("path", "/")])?;
    get.labels([("method", "POST")])?.inc();
    assert_eq!(hits.labels([("method", "POST"), ("path", "/")])?.get(), 1.0);
    assert_eq!(get.labels([("", ""); 0])?.get(), 0.0);
    Ok(())
}

#[test]
fn names_and_values_may_be_of_many_types() -> TestResult {
    let family = Gauge::builder("g", "G.").label_names([String::from("n")]).unregistered().build()?;
    family.labels([(String::from("n"), 7_u16)])?.inc();
    family.labels([("n", &7_i64)])?.inc();
    family.labels(vec![("n", Some("7"))])?.inc();
    family.labels([("n", '7')])?.inc();
    assert_eq!(family.labels([("n", String::from("7"))])?.get(), 4.0);
    family.labels([("n", u128::MAX)])?.inc();
    assert_eq!(family.labels([("n", "340282366920938463463374607431768211455")])?.get(), 1.0);
    Ok(())
}

#[test]
fn a_label_may_be_named_like_a_keyword_or_a_method() -> TestResult {
    let registry = CollectorRegistry::new();
    let names = ["type", "fn", "self", "crate", "inc", "labels", "_", "A1"];
    let family = Counter::builder("keywords_total", "Keywords.").label_names(names).registry(&registry).build()?;
    let given: Vec<_> = names.iter().rev().map(|name| (*name, *name)).collect();
    family.labels(given.clone())?.inc();
    assert_eq!(registry.sample_value("keywords_total", &given), Some(1.0));
    Ok(())
}

#[test]
fn names_that_prometheus_refuses_are_refused_when_the_metric_is_built() {
    for (name, says) in [
        ("", "expected [a-zA-Z_]"),
        ("1a", "expected [a-zA-Z_]"),
        ("a-b", "expected [a-zA-Z_]"),
        ("a:b", "expected [a-zA-Z_]"),
        ("é", "expected [a-zA-Z_]"),
        ("a b", "expected [a-zA-Z_]"),
        ("__name__", "start with `__`"),
        ("__", "start with `__`"),
    ] {
        let built = Counter::builder("c_total", "C.").label_names(["fine", name]).unregistered().build();
        let error = built.expect_err(name).to_string();
        assert!(error.contains(says) && error.contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn a_label_that_the_samples_bring_themselves_is_refused() -> TestResult {
    let le = Histogram::builder("h", "H.").label_names(["le"]).unregistered().build();
    assert!(le.expect_err("a histogram has `le`").to_string().contains("label `le`"));
    let quantile = Summary::builder("s", "S.").label_names(["quantile"]).unregistered().build();
    assert!(quantile.expect_err("a summary has `quantile`").to_string().contains("label `quantile`"));
    // Others may have them.
    Counter::builder("c_total", "C.").label_names(["le", "quantile"]).unregistered().build()?;
    Histogram::builder("h", "H.").label_names(["quantile"]).unregistered().build()?;
    Ok(())
}

#[test]
fn labels_and_defaults_that_contradict_each_other_are_refused() {
    let twice = Counter::builder("c_total", "C.").label_names(["a", "b", "a"]).unregistered().build();
    assert_eq!(
        twice.expect_err("`a` is there twice").to_string(),
        "metric `c_total`, label `a`: the label is given twice"
    );
    let stray =
        Counter::builder("c_total", "C.").label_names(["a"]).default_labels([("b", "1")]).unregistered().build();
    assert!(stray.expect_err("`b` is no label").to_string().contains("label `b`: a default is given"));
    let two =
        Counter::builder("c_total", "C.").label_names(["a"]).default_labels([("a", "1"), ("a", "2")]).unregistered();
    assert!(two.build().expect_err("two defaults").to_string().contains("label `a`: two defaults"));
    let without = Counter::builder("c_total", "C.").default_labels([("a", "1")]).unregistered().build();
    assert!(without.expect_err("it has no labels").to_string().contains("label `a`"));
    let open = Counter::builder("c_total", "C.").label_of::<bool>("a").default_labels([("a", "maybe")]).unregistered();
    assert!(open.build().expect_err("no such value").to_string().contains("label `a`: its default is not among"));
}

#[test]
fn a_wrong_metric_is_an_error_that_names_it() {
    for name in ["", "1a", "a-b", "é", "a b", "a\n"] {
        let error = Counter::builder(name, "C.").unregistered().build().expect_err(name).to_string();
        assert!(error.contains(&format!("`{name}`")) && error.contains("invalid metric name"), "{error}");
    }
    let namespace = Counter::builder("c_total", "C.").namespace("a-b").unregistered().build();
    assert!(namespace.expect_err("the namespace is no name").to_string().contains("`a-b`"));
    let unit = Counter::builder("sent_total", "S.").unit("bytes").unregistered().build();
    assert!(unit.expect_err("the unit is missing").to_string().contains("unit `bytes`: the name must end"));
    let limit = Counter::builder("c_total", "C.").label_names(["a"]).limit(0).unregistered().build();
    assert!(limit.expect_err("no series").to_string().contains("a limit of 0"));
}

#[test]
fn a_value_outside_a_closed_set_is_an_error_that_names_it() -> TestResult {
    let family =
        Counter::builder("c_total", "C.").label_of::<bool>("cached").label_names(["path"]).unregistered().build()?;
    family.labels([("cached", "true"), ("path", "/")])?.inc();
    let error = family.labels([("cached", "maybe"), ("path", "/")]).expect_err("no such value");
    assert_eq!(error.invalid(), [("cached".to_owned(), "maybe".to_owned())]);
    assert!(error.to_string().contains("label `cached` can't be `maybe`"), "{error}");
    assert!(family.partial([("cached", "")]).is_err());
    Ok(())
}

#[test]
fn a_metric_with_too_many_labels_is_refused_when_it_is_built() {
    let build = |labels: u32| {
        let names = (0..labels).map(|n| format!("l{n}"));
        Counter::builder("wide", "W.").label_names(names).unregistered().build()
    };
    let wide = build(1_000).expect("so many it may have");
    let labels = (0..1_000).map(|n| (format!("l{n}"), "\""));
    wide.labels(labels).expect("all are given").inc();
    let error = build(1_001).expect_err("one too many").to_string();
    assert!(error.contains("at most 1,000 labels"), "{error}");
}
