//! A series is its label values by name, however they were given.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Counter, Gauge, Histogram};
use pytheus::registry::{CollectorRegistry, Registry};

type TestResult = Result<(), Box<dyn Error>>;

fn samples(registry: &CollectorRegistry) -> Result<Vec<String>, Box<dyn Error>> {
    let text = generate_metrics_from(registry)?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

#[test]
fn the_order_of_labels_does_not_matter() -> TestResult {
    let registry = CollectorRegistry::new();
    let hits = Counter::builder("hits_total", "Hits.").label_names(["b", "a", "c"]).registry(&registry).build()?;
    let [a, b, c] = [("a", "1"), ("b", "2"), ("c", "3")];
    for given in [[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        hits.labels(given)?.inc();
        hits.partial([given[0]])?.labels([given[1], given[2]])?.inc();
    }
    assert_eq!(samples(&registry)?, ["hits_total{a=\"1\",b=\"2\",c=\"3\"} 12"]);
    Ok(())
}

#[test]
fn the_order_of_declaration_does_not_matter_either() -> TestResult {
    let registry = CollectorRegistry::new();
    let one = Counter::builder("hits_total", "Hits.").label_names(["b", "a"]).registry(&registry).build()?;
    let other = Counter::builder("hits_total", "Hits.").label_names(["a", "b"]).registry(&registry).build()?;
    one.labels([("a", "1"), ("b", "2")])?.inc();
    other.labels([("a", "1"), ("b", "2")])?.inc();
    assert_eq!(registry.sample_value("hits_total", &[("b", "2"), ("a", "1")]), Some(2.0));
    Ok(())
}

#[test]
fn a_default_and_the_same_value_given_are_one_series() -> TestResult {
    let registry = CollectorRegistry::new();
    let builder = Counter::builder("hits_total", "Hits.").label_names(["method", "status"]);
    let hits = builder.default_labels([("status", 200)]).registry(&registry).build()?;
    hits.labels([("method", "GET")])?.inc();
    hits.labels([("method", "GET"), ("status", "200")])?.inc();
    assert_eq!(samples(&registry)?, ["hits_total{method=\"GET\",status=\"200\"} 2"]);
    Ok(())
}

#[test]
fn a_metric_whose_labels_all_have_defaults_shows_at_zero() -> TestResult {
    let registry = CollectorRegistry::new();
    let builder =
        Counter::builder("hits_total", "Hits.").label_names(["a", "b"]).default_labels([("a", "x"), ("b", "y")]);
    let hits = builder.registry(&registry).build()?;
    assert_eq!(samples(&registry)?, ["hits_total{a=\"x\",b=\"y\"} 0"]);
    hits.default_series()?.inc();
    assert_eq!(samples(&registry)?, ["hits_total{a=\"x\",b=\"y\"} 1"]);
    Ok(())
}

#[test]
fn none_and_empty_are_one_series_and_left_out() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = Gauge::builder("jobs", "Jobs.").label_names(["queue", "user"]).registry(&registry).build()?;
    jobs.labels([("queue", Some("mail")), ("user", None)])?.inc();
    jobs.labels([("queue", "mail"), ("user", "")])?.inc();
    jobs.labels([("queue", None::<&str>), ("user", None)])?.inc();
    assert_eq!(samples(&registry)?, ["jobs 1", "jobs{queue=\"mail\"} 2"]);
    assert_eq!(registry.sample_value("jobs", &[("queue", "mail"), ("user", "")]), Some(2.0));
    assert_eq!(registry.sample_value("jobs", &[("queue", "mail")]), Some(2.0));
    Ok(())
}

#[test]
fn values_that_are_equal_when_joined_have_different_series() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = Counter::builder("c_total", "C.").label_names(["a", "b"]).registry(&registry).build()?;
    let pairs = [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), ("a\",b=\"b", "c"), ("a,", "b"), ("a", ",b")];
    for (n, (a, b)) in pairs.into_iter().enumerate() {
        family.labels([("a", a), ("b", b)])?.inc_by(n as f64 + 1.0);
    }
    for (n, (a, b)) in pairs.into_iter().enumerate() {
        assert_eq!(registry.sample_value("c_total", &[("a", a), ("b", b)]), Some(n as f64 + 1.0));
    }
    assert_eq!(samples(&registry)?.len(), pairs.len());
    Ok(())
}

#[test]
fn values_are_compared_letter_by_letter() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = Counter::builder("c_total", "C.").label_names(["a"]).registry(&registry).build()?;
    let long = "x".repeat(1 << 20);
    let values = ["GET", "get", "GET ", "\u{e9}", "e\u{301}", "\0", "\n", "\u{ff}", &long];
    for value in values {
        family.labels([("a", value)])?.inc();
    }
    assert_eq!(samples(&registry)?.len(), values.len());
    Ok(())
}

#[test]
fn a_closed_set_shows_all_its_combinations_at_zero() -> TestResult {
    let registry = CollectorRegistry::new();
    let builder = Histogram::builder("t", "T.").label_of::<bool>("hit").label_of::<bool>("big").buckets([1.0]);
    let times = builder.registry(&registry).build()?;
    times.labels([("hit", true), ("big", false)])?.observe(0.5);
    let counts: Vec<_> = samples(&registry)?.into_iter().filter(|line| line.starts_with("t_count")).collect();
    let expected = [
        "t_count{big=\"false\",hit=\"false\"} 0",
        "t_count{big=\"false\",hit=\"true\"} 1",
        "t_count{big=\"true\",hit=\"false\"} 0",
        "t_count{big=\"true\",hit=\"true\"} 0",
    ];
    assert_eq!(counts, expected);
    Ok(())
}

#[test]
fn series_at_zero_can_be_refused_and_need_every_set_closed() -> TestResult {
    let registry = CollectorRegistry::new();
    Counter::builder("a_total", "A.").label_of::<bool>("x").zero_series(false).registry(&registry).build()?;
    Counter::builder("b_total", "B.").label_of::<bool>("x").label_names(["y"]).registry(&registry).build()?;
    assert_eq!(samples(&registry)?.len(), 0);
    Ok(())
}

#[test]
fn constant_labels_stand_on_every_sample_of_a_registry() -> TestResult {
    let registry = CollectorRegistry::new().with_labels([("region", "eu"), ("app", "a\"b")])?;
    let times = Histogram::builder("t", "T.").label_names(["z"]).buckets([1.0]).registry(&registry).build()?;
    times.labels([("z", "1")])?.observe(0.5);
    let expected = [
        r#"t_bucket{app="a\"b",region="eu",z="1",le="1.0"} 1"#,
        r#"t_bucket{app="a\"b",region="eu",z="1",le="+Inf"} 1"#,
        r#"t_sum{app="a\"b",region="eu",z="1"} 0.5"#,
        r#"t_count{app="a\"b",region="eu",z="1"} 1"#,
    ];
    assert_eq!(samples(&registry)?, expected);
    Ok(())
}

#[test]
fn constant_labels_that_collide_are_errors() -> TestResult {
    let registry = CollectorRegistry::new().with_labels([("region", "eu"), ("le", "1")])?;
    let own = Counter::builder("c_total", "C.").label_names(["region"]).registry(&registry).build();
    let own = own.expect_err("`region` is taken").to_string();
    assert!(own.contains("metric `c_total` declared at tests/labels/identity.rs:"), "{own}");
    assert!(own.ends_with("its label `region` is also a constant label of the registry; rename one of them"), "{own}");
    let le = Histogram::builder("h", "H.").registry(&registry).build();
    assert!(le.expect_err("`le` is taken").to_string().contains("label `le`"));
    assert!(CollectorRegistry::new().with_labels([("a", "1"), ("a", "1")]).is_err());
    for wrong in ["__a", "a-b", "", "a:b"] {
        assert!(CollectorRegistry::new().with_labels([(wrong, "1")]).is_err(), "{wrong}");
    }
    assert!(CollectorRegistry::new().with_labels([("a", "1")])?.with_labels([("a", "2")]).is_err());
    Ok(())
}
