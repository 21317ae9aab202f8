//! A struct of labels that several metrics share.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::borrow::Cow;

use pytheus::registry::{REGISTRY, Registry};
use pytheus::{LabelSet, LabelValue, generate_metrics, metric};

#[derive(LabelValue, Clone, Copy)]
enum Method {
    Get,
    Post,
}

#[derive(LabelSet)]
struct Route<'a> {
    // Not in the order of the names.
    status: u16,
    method: Method,
    #[label(name = "route")]
    path: &'a str,
    tenant: Option<Cow<'a, str>>,
}

metric! {
    /// Requests.
    static REQUESTS: Counter = "set_requests_total" { labels: Route<'_> };
    /// Time to answer.
    static SECONDS: Histogram = "set_seconds" { labels: Route<'_>, buckets: [1.0] };
}

#[derive(LabelSet)]
struct Kind {
    method: Method,
    is_retry: bool,
}

metric! {
    /// Calls, by closed sets.
    static CALLS: Counter = "set_calls_total" { labels: Kind };
    /// Calls in progress.
    static BUSY: Gauge = "set_calls_busy" { labels: Kind, zero_series: false };
    /// The time of calls.
    static TIMES: Summary = "set_times" { labels: Kind };
    /// What runs.
    static RUNS: Info = "set_runs_info" { labels: Kind };
    /// Its state.
    static STATE: StateSet<Method> = "set_state" { labels: Stage, registry: none };
}

#[derive(LabelSet)]
pub(crate) struct Stage {
    pub(crate) r#type: &'static str,
}

#[test]
fn metrics_share_a_struct_of_labels() {
    let path = "/items".to_owned();
    let route = Route { status: 200, method: Method::Get, path: &path, tenant: None };
    REQUESTS.with(&route).inc();
    SECONDS.with(&route).observe(0.5);
    let other = Route { tenant: Some("a".into()), ..route };
    REQUESTS.with(&other).inc_by(2);
    let text = generate_metrics().expect("the totals are here");
    for line in [
        r#"set_requests_total{method="get",route="/items",status="200"} 1"#,
        r#"set_requests_total{method="get",route="/items",status="200",tenant="a"} 2"#,
        r#"set_seconds_count{method="get",route="/items",status="200"} 1"#,
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    let kept = REQUESTS.with(&other).to_series();
    assert_eq!(kept.get(), 2.0);
    assert!(REQUESTS.with(&other).remove());
    assert_eq!(kept.get(), 0.0);
    let shown = format!("{:?}", REQUESTS.with(&route));
    assert!(shown.contains(r#"set_requests_total{"method": "get", "route": "/items", "status": "200""#), "{shown}");
}

#[test]
fn closed_sets_of_a_struct_show_at_zero_and_every_kind_takes_it() {
    let kind = Kind { method: Method::Post, is_retry: true };
    let shown =
        |name: &str, method, is_retry| REGISTRY.sample_value(name, &[("method", method), ("is_retry", is_retry)]);
    assert_eq!(shown("set_calls_total", "get", "false"), Some(0.0));
    assert_eq!(shown("set_calls_busy", "get", "false"), None);
    CALLS.with(&kind).inc();
    BUSY.with(&kind).set(3);
    TIMES.with(&kind).observe(0.5);
    RUNS.with(&kind).set();
    STATE.with(&Stage { r#type: "x" }).set(Method::Post);
    assert_eq!(shown("set_calls_total", "post", "true"), Some(1.0));
    assert_eq!(shown("set_calls_busy", "post", "true"), Some(3.0));
    assert_eq!(shown("set_times_sum", "post", "true"), Some(0.5));
    assert_eq!(shown("set_runs_info", "post", "true"), Some(1.0));
    assert!(STATE.with(&Stage { r#type: "x" }).is_enabled(Method::Post));
}

#[test]
fn labels_by_name_find_the_series_of_a_struct() {
    let route = Route { status: 404, method: Method::Post, path: "/nowhere", tenant: None };
    REQUESTS.with(&route).inc();
    let by_name = REQUESTS
        .labels([("route", "/nowhere"), ("method", "post"), ("status", "404"), ("tenant", "")])
        .expect("these are all");
    assert_eq!(by_name.get(), 1.0);
    let missing = REQUESTS.labels([("route", "/nowhere")]).expect_err("others are missing");
    assert_eq!(missing.missing(), ["method", "status", "tenant"]);
    REQUESTS.retain(|labels| labels.get("status") != Some("404"));
    assert_eq!(by_name.get(), 0.0);
}
