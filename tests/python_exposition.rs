//! The text of a scrape is that of Python pytheus, but for what the format leaves open.
//!
//! Here families stand in the order of their names and series in that of their labels, and whole numbers are written
//! without `.0`. `python_parity/behaviours.tsv` says which upstream test each of these stands for.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::{generate_metrics, generate_metrics_from};
use pytheus::metrics::{Counter, Histogram};
use pytheus::registry::{CollectorRegistry, REGISTRY};

type Test = Result<(), Box<dyn Error + Send + Sync>>;

/// Gives a test the global registry to itself, with this one behind it.
fn with_global(registry: CollectorRegistry, test: impl FnOnce() -> Test) -> Test {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    REGISTRY.set_registry(registry);
    test()
}

fn set_up_counters() -> Test {
    let requests = Counter::builder("http_req_total", "metric desc").label_names(["p", "m"]).build()?;
    requests.labels([("p", "p1"), ("m", "m1")])?.inc_by(3.0);
    requests.labels([("p", "p2"), ("m", "m2")])?.inc();
    Counter::builder("cache_hits_total", "cache desc")
        .label_names(["name"])
        .build()?
        .labels([("name", "redis")])?
        .inc_by(5.0);
    Counter::builder("exception_total", "expection desc").build()?.inc_by(4.0);
    Ok(())
}

#[test]
fn the_global_registry_is_written_as_text() -> Test {
    with_global(CollectorRegistry::new(), || {
        set_up_counters()?;
        let expected = "\
# HELP cache_hits_total cache desc
# TYPE cache_hits_total counter
cache_hits_total{name=\"redis\"} 5
# HELP exception_total expection desc
# TYPE exception_total counter
exception_total 4
# HELP http_req_total metric desc
# TYPE http_req_total counter
http_req_total{m=\"m1\",p=\"p1\"} 3
http_req_total{m=\"m2\",p=\"p2\"} 1
";
        assert_eq!(generate_metrics()?, expected);
        Ok(())
    })
}

#[test]
fn the_prefix_of_the_registry_stands_before_each_name() -> Test {
    with_global(CollectorRegistry::new().with_prefix("testing")?, || {
        set_up_counters()?;
        let expected = "\
# HELP testing_cache_hits_total cache desc
# TYPE testing_cache_hits_total counter
testing_cache_hits_total{name=\"redis\"} 5
# HELP testing_exception_total expection desc
# TYPE testing_exception_total counter
testing_exception_total 4
# HELP testing_http_req_total metric desc
# TYPE testing_http_req_total counter
testing_http_req_total{m=\"m1\",p=\"p1\"} 3
testing_http_req_total{m=\"m2\",p=\"p2\"} 1
";
        assert_eq!(generate_metrics()?, expected);
        Ok(())
    })
}

#[test]
fn a_histogram_is_written_with_all_its_buckets() -> Test {
    with_global(CollectorRegistry::new(), || {
        Histogram::builder("hello", "world").build()?.observe(0.4);
        let expected = "\
# HELP hello world
# TYPE hello histogram
hello_bucket{le=\"0.005\"} 0
hello_bucket{le=\"0.01\"} 0
hello_bucket{le=\"0.025\"} 0
hello_bucket{le=\"0.05\"} 0
hello_bucket{le=\"0.1\"} 0
hello_bucket{le=\"0.25\"} 0
hello_bucket{le=\"0.5\"} 1
hello_bucket{le=\"1.0\"} 1
hello_bucket{le=\"2.5\"} 1
hello_bucket{le=\"5.0\"} 1
hello_bucket{le=\"10.0\"} 1
hello_bucket{le=\"+Inf\"} 1
hello_sum 0.4
hello_count 1
";
        assert_eq!(generate_metrics()?, expected);
        Ok(())
    })
}

/// The samples of a histogram with the default buckets and one observation, or none.
fn histogram_text(bob: &str, first_full: &str, sum: &str) -> String {
    let mut count = 0;
    let buckets =
        ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"].map(|bound| {
            count = count.max(u8::from(bound == first_full));
            format!("hello_bucket{{bob=\"{bob}\",le=\"{bound}\"}} {count}\n")
        });
    buckets.concat() + &format!("hello_sum{{bob=\"{bob}\"}} {sum}\nhello_count{{bob=\"{bob}\"}} {count}\n")
}

#[test]
fn the_series_of_a_histogram_are_written_one_after_the_other() -> Test {
    let registry = CollectorRegistry::new();
    let histogram = Histogram::builder("hello", "world").label_names(["bob"]).registry(&registry).build()?;
    histogram.labels([("bob", "b")])?.observe(7.0);
    histogram.labels([("bob", "a")])?.observe(0.4);
    let head = "# HELP hello world\n# TYPE hello histogram\n";
    let expected = head.to_owned() + &histogram_text("a", "0.5", "0.4") + &histogram_text("b", "10.0", "7");
    assert_eq!(generate_metrics_from(&registry)?, expected);
    Ok(())
}

#[test]
fn the_series_of_the_defaults_is_written_though_never_touched() -> Test {
    let registry = CollectorRegistry::new();
    let histogram = Histogram::builder("hello", "world").label_names(["bob"]).default_labels([("bob", "default")]);
    histogram.registry(&registry).build()?.labels([("bob", "a")])?.observe(0.4);
    let head = "# HELP hello world\n# TYPE hello histogram\n";
    let expected = head.to_owned() + &histogram_text("a", "0.5", "0.4") + &histogram_text("default", "never", "0");
    assert_eq!(generate_metrics_from(&registry)?, expected);
    Ok(())
}

#[test]
fn help_and_label_values_are_escaped() -> Test {
    let registry = CollectorRegistry::new();
    let text = "slash\\quote\"newline\n";
    let counter = Counter::builder("http_req_total", text).label_names(["bob"]).registry(&registry).build()?;
    counter.labels([("bob", text)])?;
    let expected = r#"# HELP http_req_total slash\\quote"newline\n
# TYPE http_req_total counter
http_req_total{bob="slash\\quote\"newline\n"} 0
"#;
    assert_eq!(generate_metrics_from(&registry)?, expected);
    Ok(())
}

#[test]
fn a_label_value_is_escaped() -> Test {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("name", "desc").label_names(["bob"]).registry(&registry).build()?;
    counter.labels([("bob", "slash\\ quote\" newline\n")])?;
    let text = generate_metrics_from(&registry)?;
    assert!(text.ends_with("name{bob=\"slash\\\\ quote\\\" newline\\n\"} 0\n"), "{text}");
    Ok(())
}

#[test]
fn a_quote_in_a_help_text_is_not_escaped() -> Test {
    let registry = CollectorRegistry::new();
    Counter::builder("name", "slash\\ quote\" newline\n").registry(&registry).build()?;
    let text = generate_metrics_from(&registry)?;
    assert!(text.starts_with("# HELP name slash\\\\ quote\" newline\\n\n"), "{text}");
    Ok(())
}

#[test]
fn a_custom_collector_is_written_like_a_metric() -> Test {
    let registry = CollectorRegistry::new();
    let described = Descriptor::new(Kind::Counter, "name", "desc")?.with_labels(["bob"])?;
    registry_with(&registry, [described], || {
        let metric = Counter::builder("name", "desc").label_names(["bob"]).unregistered().build()?;
        metric.labels([("bob", "cat")])?.inc_by(2.7);
        Ok(vec![metric.collector()])
    })?;
    let expected = "# HELP name desc\n# TYPE name counter\nname{bob=\"cat\"} 2.7\n";
    assert_eq!(generate_metrics_from(&registry)?, expected);
    Ok(())
}

#[test]
fn a_custom_collector_may_give_several_metrics() -> Test {
    let registry = CollectorRegistry::new();
    let described = [
        Descriptor::new(Kind::Counter, "name", "desc")?.with_labels(["bob"])?,
        Descriptor::new(Kind::Counter, "second", "desc")?,
    ];
    registry_with(&registry, described, || {
        let metric = Counter::builder("name", "desc").label_names(["bob"]).unregistered().build()?;
        metric.labels([("bob", "cat")])?.inc_by(2.7);
        let second = Counter::builder("second", "desc").unregistered().build()?;
        second.inc_by(3.0);
        Ok(vec![metric.collector(), second.collector()])
    })?;
    let expected = "\
# HELP name desc
# TYPE name counter
name{bob=\"cat\"} 2.7
# HELP second desc
# TYPE second counter
second 3
";
    assert_eq!(generate_metrics_from(&registry)?, expected);
    Ok(())
}

type Collectors = Result<Vec<std::sync::Arc<dyn pytheus::collector::Collector>>, pytheus::error::CollectError>;

/// Registers a collector that makes its metrics at each scrape.
fn registry_with<const N: usize>(
    registry: &CollectorRegistry,
    described: [Descriptor; N],
    metrics: impl Fn() -> Collectors + Send + Sync + 'static,
) -> Test {
    use pytheus::registry::Registry as _;
    registry.register(collector_fn(described, move || {
        let mut families = Vec::new();
        for metric in metrics()? {
            families.extend(metric.collect()?);
        }
        Ok(families)
    }))?;
    Ok(())
}

#[test]
fn the_last_bucket_is_written_as_plus_inf() -> Test {
    let registry = CollectorRegistry::new();
    Histogram::builder("hello", "world").buckets([1.0, f64::INFINITY]).registry(&registry).build()?;
    let text = generate_metrics_from(&registry)?;
    assert!(text.contains("hello_bucket{le=\"+Inf\"} 0\n"), "{text}");
    assert!(!text.contains("inf\""), "{text}");
    Ok(())
}
