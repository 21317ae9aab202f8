//! Each kind of metric gives the samples of Python pytheus, in the order of labels, and the sum before the count.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

use std::error::Error;

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Counter, Gauge, Histogram, Summary};
use pytheus::registry::{CollectorRegistry, Registry};
use pytheus::snapshot::FamilySnapshot;

type Test = Result<(), Box<dyn Error + Send + Sync>>;

/// The lines of a scrape, without `# HELP` and `# TYPE`.
fn samples(registry: &CollectorRegistry) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
    let text = generate_metrics_from(registry)?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

#[test]
fn a_counter_gives_one_sample() -> Test {
    let registry = CollectorRegistry::new();
    Counter::builder("counter", "desc").registry(&registry).build()?;
    assert_eq!(samples(&registry)?, ["counter 0"]);
    Ok(())
}

#[test]
fn a_labelled_counter_gives_a_sample_per_series() -> Test {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("counter", "desc").label_names(["bob"]).registry(&registry).build()?;
    counter.labels([("bob", "cat")])?.inc_by(2.7);
    assert_eq!(samples(&registry)?, ["counter{bob=\"cat\"} 2.7"]);
    Ok(())
}

#[test]
fn a_gauge_gives_one_sample() -> Test {
    let registry = CollectorRegistry::new();
    Gauge::builder("gauge", "desc").registry(&registry).build()?;
    assert_eq!(samples(&registry)?, ["gauge 0"]);
    Ok(())
}

#[test]
fn a_labelled_gauge_gives_a_sample_per_series() -> Test {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("gauge", "desc").label_names(["bob"]).registry(&registry).build()?;
    gauge.labels([("bob", "cat")])?.inc_by(2.7);
    assert_eq!(samples(&registry)?, ["gauge{bob=\"cat\"} 2.7"]);
    Ok(())
}

#[test]
fn each_metric_gives_its_own_samples() -> Test {
    let registry = CollectorRegistry::new();
    let labelled = Counter::builder("counter_labeled", "desc").label_names(["bob"]).registry(&registry).build()?;
    labelled.labels([("bob", "cat")])?.inc_by(2.7);
    let gauge = Gauge::builder("gauge", "desc").label_names(["bob"]).registry(&registry).build()?;
    gauge.labels([("bob", "gage")])?.inc_by(3.0);
    gauge.labels([("bob", "blob")])?.inc_by(3.2);
    Counter::builder("counter", "desc").registry(&registry).build()?;
    let expected =
        ["counter 0", "counter_labeled{bob=\"cat\"} 2.7", "gauge{bob=\"blob\"} 3.2", "gauge{bob=\"gage\"} 3"];
    assert_eq!(samples(&registry)?, expected);
    Ok(())
}

#[test]
fn a_summary_gives_two_samples() -> Test {
    let registry = CollectorRegistry::new();
    Summary::builder("summary", "desc").registry(&registry).build()?;
    assert_eq!(samples(&registry)?, ["summary_sum 0", "summary_count 0"]);
    Ok(())
}

/// Python observes on the family; here `defaults` gives the series.
#[test]
fn a_summary_gives_two_samples_of_its_defaults() -> Test {
    let registry = CollectorRegistry::new();
    let summary = Summary::builder("summary", "desc").label_names(["bob"]).default_labels([("bob", "cat")]);
    summary.registry(&registry).build()?.default_series()?.observe(7.0);
    assert_eq!(samples(&registry)?, ["summary_sum{bob=\"cat\"} 7", "summary_count{bob=\"cat\"} 1"]);
    Ok(())
}

#[test]
fn a_histogram_gives_a_sample_per_bucket_and_two_more() -> Test {
    let registry = CollectorRegistry::new();
    let histogram = Histogram::builder("h", "desc").buckets([1.0, 2.0, 3.0]).registry(&registry).build()?;
    histogram.observe(2.7);
    let expected = [
        "h_bucket{le=\"1.0\"} 0",
        "h_bucket{le=\"2.0\"} 0",
        "h_bucket{le=\"3.0\"} 1",
        "h_bucket{le=\"+Inf\"} 1",
        "h_sum 2.7",
        "h_count 1",
    ];
    assert_eq!(samples(&registry)?, expected);
    Ok(())
}

#[test]
fn a_labelled_histogram_gives_its_samples_series_by_series() -> Test {
    let registry = CollectorRegistry::new();
    let histogram = Histogram::builder("h", "desc").label_names(["bob"]).buckets([1.0, 2.0, 3.0]);
    let histogram = histogram.registry(&registry).build()?;
    histogram.labels([("bob", "cat")])?.observe(2.7);
    histogram.labels([("bob", "bobby")])?;
    let expected = [
        "h_bucket{bob=\"bobby\",le=\"1.0\"} 0",
        "h_bucket{bob=\"bobby\",le=\"2.0\"} 0",
        "h_bucket{bob=\"bobby\",le=\"3.0\"} 0",
        "h_bucket{bob=\"bobby\",le=\"+Inf\"} 0",
        "h_sum{bob=\"bobby\"} 0",
        "h_count{bob=\"bobby\"} 0",
        "h_bucket{bob=\"cat\",le=\"1.0\"} 0",
        "h_bucket{bob=\"cat\",le=\"2.0\"} 0",
        "h_bucket{bob=\"cat\",le=\"3.0\"} 1",
        "h_bucket{bob=\"cat\",le=\"+Inf\"} 1",
        "h_sum{bob=\"cat\"} 2.7",
        "h_count{bob=\"cat\"} 1",
    ];
    assert_eq!(samples(&registry)?, expected);
    Ok(())
}

#[test]
fn a_labelled_summary_gives_its_samples_series_by_series() -> Test {
    let registry = CollectorRegistry::new();
    let summary = Summary::builder("summary", "desc").label_names(["bob"]).registry(&registry).build()?;
    summary.labels([("bob", "cat")])?;
    summary.labels([("bob", "bobby")])?;
    let expected = [
        "summary_sum{bob=\"bobby\"} 0",
        "summary_count{bob=\"bobby\"} 0",
        "summary_sum{bob=\"cat\"} 0",
        "summary_count{bob=\"cat\"} 0",
    ];
    assert_eq!(samples(&registry)?, expected);
    Ok(())
}

/// Python writes `# HELP` and `# TYPE` with nothing below them.
#[test]
fn families_without_series_give_no_samples_and_are_not_written() -> Test {
    let registry = CollectorRegistry::new();
    let _ = Counter::builder("counter", "desc").label_names(["bob"]).registry(&registry).build()?;
    let _ = Gauge::builder("gauge", "desc").label_names(["bob"]).registry(&registry).build()?;
    let _ = Summary::builder("summary", "desc").label_names(["bob"]).registry(&registry).build()?;
    let _ = Histogram::builder("histogram", "desc").label_names(["bob"]).registry(&registry).build()?;
    let families = registry.collect()?;
    assert!(families.iter().map(FamilySnapshot::name).eq(["counter", "gauge", "histogram", "summary"]));
    assert!(families.iter().all(|family| family.samples().is_empty()));
    assert_eq!(generate_metrics_from(&registry)?, "");
    Ok(())
}
