//! `metric!` declares statics of every type.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use pytheus::LabelValue;
use pytheus::descriptor::GaugeMode;
use pytheus::metric;
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

#[derive(LabelValue)]
enum Method {
    Get,
    Post,
}

#[derive(LabelValue)]
enum Phase {
    Starting,
    Running,
}

const NAME: &str = "constant_name_total";
static OTHER: CollectorRegistry = CollectorRegistry::new();

metric! {
    /// Jobs that are done,
    /// of any kind.
    ///
    /// More that isn't help.
    pub static JOBS: Counter = "jobs_total";

    /// Named by a constant.
    pub(crate) static CONSTANT: Counter = NAME { registry: OTHER };

    static WAITING: Gauge = "declared_jobs_waiting" { help: "Jobs that wait.", mode: live_sum };

    /// Time of a job.
    static JOB: Histogram = "job_seconds" { buckets: exponential(0.1, 10.0, 3), unit: "seconds", namespace: "shop" };

    /// Size of a job.
    static SIZE: Summary = "job_bytes" { registry: none };

    /// What runs.
    static BUILD: Info = "build_info" { labels: { commit } };

    /// What it does.
    static PHASE: StateSet<Phase> = "phase";

    /// Hits of a page.
    static HITS: Counter = "page_hits_total" {
        labels: { r#type, method: Method, status = "200", time, inc = "x", verb: Method = Method::Post },
        limit: 100,
    };

    /// Replies.
    static REPLIES: Counter = "replies_total" { labels: { method: Method } };
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

#[test]
fn an_unlabelled_metric_is_exposed_at_zero() {
    assert_eq!(value("phase", &[("phase", "starting")]), Some(0.0));
    assert_eq!(value("declared_jobs_waiting", &[]), Some(0.0));
}

#[test]
fn the_help_is_the_first_paragraph_of_the_doc_comment() {
    let families = REGISTRY.collect().unwrap();
    let jobs = families.iter().find(|family| family.name() == "jobs_total").unwrap();
    assert_eq!(jobs.help(), "Jobs that are done, of any kind.");
}

#[test]
fn a_declaration_is_described_with_its_options_and_its_place() {
    let jobs = JOBS.collector().descriptors().remove(0);
    assert!(jobs.location().to_string().ends_with("declare.rs:29"), "{}", jobs.location());
    let waiting = WAITING.collector().descriptors().remove(0);
    assert_eq!(waiting.mode(), GaugeMode::LiveSum);
    let job = JOB.collector().descriptors().remove(0);
    assert_eq!((job.name(), job.unit()), ("shop_job_seconds", Some("seconds")));
    assert_eq!(job.buckets(), [0.1, 1.0, 10.0]);
}

#[test]
fn a_registry_of_its_own_holds_the_metric() {
    CONSTANT.inc();
    assert_eq!(value("constant_name_total", &[]), None);
    assert_eq!(OTHER.sample_value("constant_name_total", &[]), Some(1.0));
}

#[test]
fn an_unregistered_metric_counts_unseen() {
    SIZE.observe(2.0);
    assert_eq!(SIZE.sum(), 2.0);
    assert_eq!(value("job_bytes_sum", &[]), None);
}

#[test]
fn a_namespace_goes_before_the_name() {
    JOB.observe(0.5);
    assert_eq!(value("shop_job_seconds_bucket", &[("le", "1.0")]), Some(1.0));
    assert_eq!(value("shop_job_seconds_bucket", &[("le", "0.1")]), Some(0.0));
}

#[test]
fn labels_are_methods() {
    let partial = HITS.r#type("page").method(Method::Get);
    let finished = partial.time(3_u8).status("404");
    finished.inc();
    partial.time("later").label_inc("y").verb(Method::Get).to_series().inc();
    let labels =
        [("type", "page"), ("method", "get"), ("time", "3"), ("inc", "x"), ("status", "404"), ("verb", "post")];
    assert_eq!(value("page_hits_total", &labels), Some(1.0));
    JOBS.inc();
    BUILD.commit("c0ffee").set();
    PHASE.set(Phase::Running);
    WAITING.inc();
    assert_eq!(value("build_info", &[("commit", "c0ffee")]), Some(1.0));
    assert!(matches!(Phase::Starting.as_label().as_ref(), "starting"));
}

#[test]
fn a_closed_set_is_exposed_at_zero() {
    assert_eq!(value("replies_total", &[("method", "post")]), Some(0.0));
    REPLIES.method(Method::Post).inc();
    assert_eq!(value("replies_total", &[("method", "post")]), Some(1.0));
}

#[test]
fn a_metric_may_be_declared_inside_a_function() {
    metric! {
        /// Local.
        static LOCAL: Counter = "local_total" { labels: { a, b = "c" } };
    }
    LOCAL.a(true).inc();
    assert_eq!(value("local_total", &[("a", "true"), ("b", "c")]), Some(1.0));
}
