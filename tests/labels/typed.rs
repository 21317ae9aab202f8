//! Labels of declared metrics: methods, typed by enums where wished, and one series with the dynamic path.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::thread;

use pytheus::LabelValue;
use pytheus::exposition::generate_metrics;
use pytheus::metrics::Counter;
use pytheus::registry::{REGISTRY, Registry};

type TestResult = Result<(), Box<dyn Error>>;

#[derive(LabelValue, Clone, Copy, Debug, PartialEq)]
enum Method {
    Get,
    #[label_value(rename = "POST")]
    Post,
}

pytheus::metric! {
    /// Hits.
    static HITS: Counter = "hits_total" { labels: { page, method: Method, status = "200" } };
    /// Keywords and methods of the handle.
    static ODD: Counter = "odd_total" { labels: { r#type, inc, labels, remove, to_series } };
    /// Closed.
    static CLOSED: Gauge = "closed" { labels: { method: Method, cached: bool } };
    /// Closed, with a default.
    static DEFAULTED: Counter = "defaulted_total" { labels: { method: Method = Method::Post } };
    /// Closed, too large to show.
    static QUIET: Counter = "quiet_total" { labels: { method: Method }, zero_series: false };
    /// Optional.
    static OPTIONAL: Counter = "optional_total" { labels: { user } };
    /// Once.
    static ONCE: Counter = "once_total" { labels: { a, b, c = "x" } };
    /// To be removed.
    static GONE: Counter = "gone_total" { labels: { method: Method } };
    /// Limited.
    static LIMITED: Histogram = "limited" { labels: { user }, limit: 2, buckets: [1.0] };
    /// Facts.
    static BUILD: Info = "build_info" { labels: { version } };
    /// States by job.
    static METHODS: StateSet<Method> = "methods" { labels: { job } };
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

#[test]
fn labels_are_given_in_any_order_and_once_the_required_are_there_it_counts() {
    ONCE.a("1").b("2").inc();
    ONCE.b("2").a("1").inc();
    ONCE.c("x").b("2").a("1").inc();
    ONCE.a("1").c("y").b("2").inc();
    assert_eq!(value("once_total", &[("c", "x"), ("a", "1"), ("b", "2")]), Some(3.0));
    assert_eq!(value("once_total", &[("c", "y"), ("a", "1"), ("b", "2")]), Some(1.0));
}

#[test]
fn debug_shows_the_labels_given_so_far() {
    let get = HITS.method(Method::Get);
    assert_eq!(format!("{get:?}"), r#"Counter(hits_total{"method": "get"})"#);
    let series = get.page("debug").to_series();
    assert_eq!(format!("{series:?}"), r#"Counter(hits_total{"method": "get", "page": "debug", "status": "200"})"#);
}

#[test]
fn a_finished_handle_converts_into_the_plain_metric() {
    let series: Counter = HITS.method(Method::Get).page("into").into();
    series.inc();
    assert_eq!(value("hits_total", &[("page", "into"), ("method", "get"), ("status", "200")]), Some(1.0));
}

#[test]
fn an_unfinished_handle_can_be_stored_and_finished_from_any_thread() {
    let get = HITS.method(Method::Get).page(String::from("kept"));
    let copies = [get.clone(), get.clone()];
    thread::scope(|scope| {
        for copy in &copies {
            scope.spawn(|| copy.status("404").inc());
        }
    });
    get.inc();
    let series: Counter = get.status("404").to_series();
    series.inc();
    assert_eq!((get.get(), series.get()), (1.0, 3.0));
    assert_eq!(value("hits_total", &[("page", "kept"), ("method", "get"), ("status", "200")]), Some(1.0));
}

#[test]
fn a_label_given_again_takes_the_new_value() {
    let home = HITS.page("home").method(Method::Get);
    home.page("again").inc();
    assert_eq!(home.page("again").get(), 1.0);
    assert_eq!(value("hits_total", &[("page", "home"), ("method", "get"), ("status", "200")]), None);
}

#[test]
fn keywords_and_methods_of_the_handle_can_name_labels() {
    ODD.r#type("t").label_inc("i").label_labels("l").label_remove("r").label_to_series("c").inc();
    let labels = [("type", "t"), ("inc", "i"), ("labels", "l"), ("remove", "r"), ("to_series", "c")];
    assert_eq!(value("odd_total", &labels), Some(1.0));
}

#[test]
fn the_dynamic_path_leads_to_the_same_series() -> TestResult {
    HITS.page("both").method(Method::Post).inc();
    HITS.labels([("method", "POST"), ("page", "both")])?.inc();
    HITS.partial([("page", "both")])?.labels([("method", Method::Post)])?.inc();
    assert_eq!(HITS.page("both").method(Method::Post).get(), 3.0);
    let error = HITS.labels([("page", "both")]).expect_err("the method is missing");
    assert_eq!(error.missing(), ["method"]);
    Ok(())
}

#[test]
fn labels_given_by_methods_count_in_the_series_found_by_name() -> TestResult {
    HITS.page("mixed").status("404").labels([("method", "get")])?.inc();
    assert_eq!(value("hits_total", &[("page", "mixed"), ("method", "get"), ("status", "404")]), Some(1.0));
    let partial = HITS.page("mixed").partial([("status", "500")])?;
    partial.labels([("method", "get")])?.inc();
    assert_eq!(value("hits_total", &[("page", "mixed"), ("method", "get"), ("status", "500")]), Some(1.0));
    let error = HITS.page("mixed").labels([("status", "404")]).expect_err("the method is missing");
    assert_eq!(error.missing(), ["method"]);
    Ok(())
}

#[test]
fn closed_sets_are_at_zero_from_the_start() -> TestResult {
    for method in ["get", "POST"] {
        for cached in ["false", "true"] {
            assert_eq!(value("closed", &[("method", method), ("cached", cached)]), Some(0.0));
        }
        assert_eq!(value("defaulted_total", &[("method", method)]), Some(0.0));
    }
    DEFAULTED.inc();
    DEFAULTED.method(Method::Post).inc();
    assert_eq!(value("defaulted_total", &[("method", "POST")]), Some(2.0));
    assert!(!generate_metrics()?.contains("quiet_total"));
    QUIET.method(Method::Get).inc();
    assert_eq!(value("quiet_total", &[("method", "get")]), Some(1.0));
    assert_eq!(value("quiet_total", &[("method", "POST")]), None);
    Ok(())
}

#[test]
fn an_optional_label_is_left_out() {
    OPTIONAL.user(Some("ann")).inc();
    OPTIONAL.user(None::<String>).inc();
    OPTIONAL.user("").inc();
    assert_eq!(value("optional_total", &[("user", "ann")]), Some(1.0));
    assert_eq!(value("optional_total", &[]), Some(2.0));
}

#[test]
fn declared_series_are_removed_and_cleared() {
    let get = GONE.method(Method::Get).to_series();
    get.inc();
    assert!(GONE.method(Method::Get).remove());
    assert!(!GONE.method(Method::Get).remove());
    assert_eq!(value("gone_total", &[("method", "get")]), None);
    GONE.clear();
    assert_eq!(value("gone_total", &[("method", "get")]), Some(0.0));
    get.inc();
    assert_eq!(value("gone_total", &[("method", "get")]), Some(1.0));
    GONE.retain(|labels| labels.get("method") == Some("POST"));
    assert_eq!(value("gone_total", &[("method", "get")]), None);
    assert_eq!(value("gone_total", &[("method", "POST")]), Some(0.0));
}

#[test]
fn a_declared_limit_holds() {
    for user in ["a", "b", "c", "d"] {
        LIMITED.user(user).observe(0.5);
    }
    assert_eq!(value("limited_count", &[("user", "b")]), Some(1.0));
    assert_eq!(value("limited_count", &[("user", "__other__")]), Some(2.0));
    let overflow = value("pytheus_label_overflow_total", &[("metric", "limited"), ("label", "user")]);
    assert_eq!(overflow, Some(2.0));
}

#[test]
fn infos_and_state_sets_have_labels_too() {
    BUILD.version("1").set();
    BUILD.version("2").set();
    assert_eq!((value("build_info", &[("version", "1")]), value("build_info", &[("version", "2")])), (None, Some(1.0)));
    METHODS.job("mail").set(Method::Post);
    assert!(METHODS.job("mail").is_enabled(Method::Post));
    assert_eq!(value("methods", &[("job", "mail"), ("methods", "POST")]), Some(1.0));
    assert_eq!(value("methods", &[("job", "mail"), ("methods", "get")]), Some(0.0));
}

#[test]
fn to_read_a_series_makes_none() {
    assert_eq!(OPTIONAL.user("never").get(), 0.0);
    assert_eq!(value("optional_total", &[("user", "never")]), None);
    assert!(!METHODS.job("never").is_enabled(Method::Post));
    assert_eq!(value("methods", &[("job", "never"), ("methods", "POST")]), None);
    assert_eq!(LIMITED.descriptor().limit(), Some(2));
}
