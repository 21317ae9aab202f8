//! `OpenMetrics` and protobuf to the letter, beside the text.
#![allow(clippy::float_cmp, reason = "what is written here is exact")]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::{Exposition, Format, generate_metrics_from};
use pytheus::metrics::{Counter, Gauge, Histogram, Info, StateSet, Summary};
use pytheus::registry::{CollectorRegistry, Registry as _};
use pytheus::snapshot::{FamilySnapshot, PointValue};
use support::protobuf;
use support::python::Parser;

/// One metric of each kind.
fn every_kind() -> CollectorRegistry {
    let registry = CollectorRegistry::new().with_labels([("app", "shop")]).unwrap();
    Counter::builder("sent_bytes_total", "Say \"sent\".").unit("bytes").registry(&registry).build().unwrap().inc_by(2);
    Counter::builder("tries", "No suffix.").registry(&registry).build().unwrap().inc();
    Gauge::builder("room", "A gauge.").registry(&registry).build().unwrap().set(-1.5);
    let histogram = Histogram::builder("c_seconds", "A histogram.").unit("seconds").buckets([0.5, 1.0]);
    let histogram = histogram.label_names(["path"]).registry(&registry).build().unwrap();
    histogram.labels([("path", "/")]).unwrap().observe(0.75);
    Summary::builder("d", "").registry(&registry).build().unwrap().observe(0.25);
    let info = Info::builder("e_info", "Facts.").label_names(["version"]).registry(&registry).build().unwrap();
    info.labels([("version", "1.2")]).unwrap().set();
    let states = StateSet::builder("f", "States.").states(["off", "on"]).registry(&registry).build().unwrap();
    states.set("on");
    registry
}

fn openmetrics(registry: &CollectorRegistry) -> String {
    String::from_utf8(Exposition::of(registry).format(Format::OpenMetrics).to_bytes().unwrap()).unwrap()
}

#[test]
fn openmetrics_is_written_as_its_specification_has_it() {
    let text = openmetrics(&every_kind());
    let expected = r#"# TYPE c_seconds histogram
# UNIT c_seconds seconds
# HELP c_seconds A histogram.
c_seconds_bucket{app="shop",path="/",le="0.5"} 0
c_seconds_bucket{app="shop",path="/",le="1.0"} 1
c_seconds_bucket{app="shop",path="/",le="+Inf"} 1
c_seconds_sum{app="shop",path="/"} 0.75
c_seconds_count{app="shop",path="/"} 1
# TYPE d summary
d_sum{app="shop"} 0.25
d_count{app="shop"} 1
# TYPE e info
# HELP e Facts.
e_info{app="shop",version="1.2"} 1
# TYPE f stateset
# HELP f States.
f{app="shop",f="off"} 0
f{app="shop",f="on"} 1
# TYPE room gauge
# HELP room A gauge.
room{app="shop"} -1.5
# TYPE sent_bytes counter
# UNIT sent_bytes bytes
# HELP sent_bytes Say \"sent\".
sent_bytes_total{app="shop"} 2
# TYPE tries unknown
# HELP tries No suffix.
tries{app="shop"} 1
# EOF
"#;
    assert_eq!(text, expected);
    Parser::start().parse_openmetrics(&text).unwrap();
    assert_eq!(openmetrics(&CollectorRegistry::new()), "# EOF\n");
}

#[test]
fn metadata_differ_by_format_and_samples_do_not() {
    let registry = every_kind();
    let samples =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    let text = generate_metrics_from(&registry).unwrap();
    assert_eq!(samples(&openmetrics(&registry)), samples(&text));
    assert_eq!(Exposition::of(&registry).format(Format::Text1).to_bytes().unwrap(), text.as_bytes());
}

#[test]
fn two_families_have_two_names_in_openmetrics() {
    let registry = CollectorRegistry::new();
    for name in ["jobs_total", "jobs_retried_total", "_total", "pairs_total"] {
        Counter::builder(name, "A counter.").registry(&registry).build().unwrap();
    }
    Gauge::builder("jobs", "A gauge.").registry(&registry).build().unwrap();
    for name in ["pairs_info", "_info"] {
        Info::builder(name, "Facts.").registry(&registry).build().unwrap().set();
    }
    let text = openmetrics(&registry);
    let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let expected = [
        "_info gauge",
        "_total unknown",
        "jobs gauge",
        "jobs_retried counter",
        "jobs_total unknown",
        "pairs info",
        "pairs_total unknown",
    ];
    assert_eq!(types, expected);
    Parser::start().parse_openmetrics(&text).unwrap();
}

#[test]
fn protobuf_has_each_kind_in_its_message() {
    let families = protobuf::decode(&Exposition::of(&every_kind()).format(Format::Protobuf).to_bytes().unwrap());
    let about: Vec<_> = families.iter().map(|family| (&*family.name, family.kind, &*family.unit)).collect();
    let expected = [
        ("c_seconds", 4, "seconds"),
        ("d", 2, ""),
        ("e_info", 1, ""),
        ("f", 1, ""),
        ("room", 1, ""),
        ("sent_bytes_total", 0, "bytes"),
        ("tries", 0, ""),
    ];
    assert_eq!(about, expected);
    let labels = |family: usize, metric: usize| -> Vec<_> {
        let labels = &families[family].metric[metric].label;
        labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect()
    };
    assert_eq!(labels(0, 0), [("app", "shop"), ("path", "/")]);
    assert_eq!(labels(3, 1), [("app", "shop"), ("f", "on")]);
    let histogram = families[0].metric[0].histogram.clone().unwrap();
    assert_eq!((histogram.sample_count, histogram.sample_sum, histogram.bucket.len()), (1, 0.75, 2));
    assert_eq!((histogram.bucket[1].cumulative_count, histogram.bucket[1].upper_bound), (1, 1.0));
    assert_eq!(families[4].metric[0].gauge.clone().unwrap().value, -1.5);
    assert_eq!(families[5].metric[0].counter.clone().unwrap().value, 2.0);
}

#[test]
fn quantiles_and_states_of_a_collector_are_points() {
    let registry = CollectorRegistry::new();
    let times = Descriptor::new(Kind::Summary, "times", "Times.").unwrap();
    let phase = Descriptor::new(Kind::StateSet, "phase", "A phase.").unwrap().with_labels(["part"]).unwrap();
    registry
        .register(collector_fn([times.clone(), phase.clone()], move || {
            let (mut summary, mut states) = (FamilySnapshot::new(&times), FamilySnapshot::new(&phase));
            summary.push_quantiles(&[], 4, 10.0, [(0.5, 2.0), (1.0, 5.0)]);
            states.push_states(&[("part", "a")], [("up", true), ("down", false)]);
            Ok(vec![summary, states])
        }))
        .unwrap();
    let text = generate_metrics_from(&registry).unwrap();
    for line in ["times{quantile=\"0.5\"} 2", "times{quantile=\"1.0\"} 5", "phase{part=\"a\",phase=\"up\"} 1"] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
    assert_eq!(registry.sample_value("times", &[("quantile", "1.0")]), Some(5.0));
    assert_eq!(registry.sample_value("phase", &[("part", "a"), ("phase", "down")]), Some(0.0));
    let families = registry.collect().unwrap();
    let PointValue::Summary(summary) = families[1].points()[0].value() else { panic!("no summary") };
    assert_eq!(summary.quantiles(), [(0.5, 2.0), (1.0, 5.0)]);
    let families = protobuf::decode(&Exposition::of(&registry).format(Format::Protobuf).to_bytes().unwrap());
    assert_eq!(families[1].metric[0].summary.as_ref().unwrap().quantile[1].value, 5.0);
    Parser::start().parse_openmetrics(&openmetrics(&registry)).unwrap();
}

#[test]
fn families_that_nobody_asked_for_are_not_read() {
    let registry = CollectorRegistry::new().with_prefix("shop").unwrap();
    let reads = Arc::new(AtomicUsize::new(0));
    for name in ["read", "unread"] {
        let reads = Arc::clone(&reads);
        let gauge = Gauge::builder(name, "Read.").registry(&registry).build().unwrap();
        gauge.set_function(move || reads.fetch_add(1, Relaxed) as f64);
    }
    let collects = Arc::clone(&reads);
    let sizes = ["size", "width"].map(|name| Descriptor::new(Kind::Gauge, name, "A size.").unwrap());
    registry
        .register(collector_fn(sizes.clone(), move || {
            collects.fetch_add(100, Relaxed);
            let families = sizes.each_ref().map(|size| {
                let mut family = FamilySnapshot::new(size);
                family.push(&[], 1.0);
                family
            });
            Ok(families.into())
        }))
        .unwrap();
    Gauge::builder("unread_count", "A gauge, whose name begins like that of another.")
        .registry(&registry)
        .build()
        .unwrap();
    Histogram::builder("seconds", "Time.").registry(&registry).build().unwrap();
    for (names, expected, read) in [
        (&["shop_read"][..], &["shop_read"][..], 1),
        (&["shop_seconds_count", "nowhere"], &["shop_seconds"], 0),
        (&["shop_rea", "read"], &[], 0),
        (&["shop_unread_count"], &["shop_unread_count"], 0),
        (&["shop_width"], &["shop_width"], 100),
    ] {
        let before = reads.load(Relaxed);
        let body = Exposition::of(&registry).names(names.iter().copied()).to_bytes().unwrap();
        let text = String::from_utf8(body).unwrap();
        let shown: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        assert_eq!(shown, expected);
        assert_eq!(reads.load(Relaxed) - before, read, "{names:?}");
    }
}
