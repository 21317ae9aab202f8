//! The text format 0.0.4 to the letter, as its page says:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::{PROMETHEUS_CONTENT_TYPE, generate_metrics_from};
use pytheus::metrics::{Counter, Gauge, Histogram, Info, StateSet, Summary};
use pytheus::registry::{CollectorRegistry, Registry as _};
use pytheus::snapshot::FamilySnapshot;
use support::promtool;

fn text(registry: &CollectorRegistry) -> String {
    generate_metrics_from(registry).unwrap()
}

/// The value of a gauge as it stands in the exposition.
fn written(value: f64) -> String {
    let registry = CollectorRegistry::new();
    Gauge::builder("g", "G.").registry(&registry).build().unwrap().set(value);
    text(&registry).strip_prefix("# HELP g G.\n# TYPE g gauge\ng ").unwrap().trim_end().to_owned()
}

#[test]
fn the_content_type_names_the_version_of_the_format() {
    assert_eq!(PROMETHEUS_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
}

#[test]
fn nothing_registered_is_an_empty_text() {
    assert_eq!(text(&CollectorRegistry::new()), "");
}

#[test]
fn each_type_is_written_as_the_format_has_it() {
    let registry = CollectorRegistry::new();
    Counter::builder("a_total", "A counter.").registry(&registry).build().unwrap().inc_by(2.0);
    Gauge::builder("b", "A gauge.").registry(&registry).build().unwrap().set(-1.5);
    let histogram = Histogram::builder("c", "A histogram.").buckets([0.5, 1.0]).registry(&registry).build().unwrap();
    for value in [0.25, 0.5, 0.75, 2.0] {
        histogram.observe(value);
    }
    Summary::builder("d", "A summary.").registry(&registry).build().unwrap().observe(0.25);
    let info = Info::builder("e_info", "Facts.").label_names(["version"]).registry(&registry).build().unwrap();
    info.labels([("version", "1.2")]).unwrap().set();
    let states = StateSet::builder("f", "States.").states(["off", "on"]).registry(&registry).build().unwrap();
    states.set("on");

    let expected = "\
# HELP a_total A counter.
# TYPE a_total counter
a_total 2
# HELP b A gauge.
# TYPE b gauge
b -1.5
# HELP c A histogram.
# TYPE c histogram
c_bucket{le=\"0.5\"} 2
c_bucket{le=\"1.0\"} 3
c_bucket{le=\"+Inf\"} 4
c_sum 3.5
c_count 4
# HELP d A summary.
# TYPE d summary
d_sum 0.25
d_count 1
# HELP e_info Facts.
# TYPE e_info gauge
e_info{version=\"1.2\"} 1
# HELP f States.
# TYPE f gauge
f{f=\"off\"} 0
f{f=\"on\"} 1
";
    assert_eq!(text(&registry), expected);
    promtool::assert_clean(&text(&registry));
}

#[test]
fn a_help_text_escapes_backslashes_and_line_feeds_and_keeps_quotes() {
    let registry = CollectorRegistry::new();
    Gauge::builder("g", "A \\ and a \"quote\",\na second line, é.").registry(&registry).build().unwrap();
    assert!(
        text(&registry).starts_with("# HELP g A \\\\ and a \"quote\",\\na second line, é.\n# TYPE g gauge\n"),
        "{}",
        text(&registry)
    );
}

#[test]
fn a_label_value_escapes_backslashes_line_feeds_and_quotes_and_nothing_else() {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("g", "G.").label_names(["path"]).registry(&registry).build().unwrap();
    gauge.labels([("path", "C:\\x \"y\"\n\t{é,=}🦀\r\0")]).unwrap().set(1.0);
    let lines = text(&registry);
    assert!(lines.ends_with("\ng{path=\"C:\\\\x \\\"y\\\"\\n\t{é,=}🦀\r\0\"} 1\n"), "{lines}");
}

#[test]
fn a_metric_without_help_has_a_type_line_only() {
    let registry = CollectorRegistry::new();
    Gauge::builder("g", "").registry(&registry).build().unwrap();
    assert_eq!(text(&registry), "# TYPE g gauge\ng 0\n");
}

#[test]
fn numbers_take_their_shortest_form_that_reads_back() {
    for (value, form) in [
        (0.0, "0"),
        // As a gauge shows it: the sign tells a zero that was set from none.
        (-0.0, "0"),
        (1.0, "1"),
        (-1.0, "-1"),
        (100.0, "100"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1.0 / 3.0, "0.3333333333333333"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
        (-f64::NAN, "NaN"),
    ] {
        assert_eq!(written(value), form);
    }
    for value in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e21, 1e-7, 123_456_789.123_456_78] {
        let form = written(value);
        assert_eq!(form.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{form}");
        assert!(form.len() <= format!("{value:e}").len() + 1, "{form} is longer than it needs to be");
    }
}

#[test]
fn whole_counts_are_exact_beyond_the_precision_of_a_float() {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("c_total", "C.").registry(&registry).build().unwrap();
    counter.inc_by(9_007_199_254_740_992.0);
    counter.inc();
    assert!(text(&registry).ends_with("\nc_total 9007199254740993\n"), "{}", text(&registry));
}

#[test]
fn an_empty_label_value_is_an_absent_label() {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("g", "G.").label_names(["a", "b"]).registry(&registry).build().unwrap();
    gauge.labels([("a", ""), ("b", "")]).unwrap().set(1.0);
    gauge.labels([("a", ""), ("b", "x")]).unwrap().set(2.0);
    gauge.labels([("a", "x"), ("b", "")]).unwrap().set(3.0);
    assert_eq!(text(&registry), "# HELP g G.\n# TYPE g gauge\ng 1\ng{b=\"x\"} 2\ng{a=\"x\"} 3\n");
}

#[test]
fn families_are_sorted_by_name_and_series_by_label_values() {
    let registry = CollectorRegistry::new();
    for name in ["b", "a_total_seconds", "a", "B"] {
        let gauge = Gauge::builder(name, "G.").label_names(["y", "x"]).registry(&registry).build().unwrap();
        for (x, y) in [("2", "1"), ("10", "2"), ("10", "1"), ("", "3")] {
            gauge.labels([("x", x), ("y", y)]).unwrap().set(0.0);
        }
    }
    let block = |name: &str| {
        format!(
            "# HELP {name} G.\n# TYPE {name} gauge\n{name}{{y=\"3\"}} 0\n{name}{{x=\"10\",y=\"1\"}} 0\n\
             {name}{{x=\"10\",y=\"2\"}} 0\n{name}{{x=\"2\",y=\"1\"}} 0\n"
        )
    };
    assert_eq!(text(&registry), ["B", "a", "a_total_seconds", "b"].map(block).concat());
}

#[test]
fn the_parts_of_a_series_stay_together_and_le_comes_last() {
    let registry = CollectorRegistry::new();
    let histogram =
        Histogram::builder("h", "H.").label_names(["z"]).buckets([1.0]).registry(&registry).build().unwrap();
    histogram.labels([("z", "b")]).unwrap().observe(2.0);
    histogram.labels([("z", "a")]).unwrap().observe(1.0);
    let expected = "\
# HELP h H.
# TYPE h histogram
h_bucket{z=\"a\",le=\"1.0\"} 1
h_bucket{z=\"a\",le=\"+Inf\"} 1
h_sum{z=\"a\"} 1
h_count{z=\"a\"} 1
h_bucket{z=\"b\",le=\"1.0\"} 0
h_bucket{z=\"b\",le=\"+Inf\"} 1
h_sum{z=\"b\"} 2
h_count{z=\"b\"} 1
";
    assert_eq!(text(&registry), expected);
}

#[test]
fn a_labelled_metric_without_series_is_left_out() {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("g", "G.").label_names(["a"]).registry(&registry).build().unwrap();
    assert_eq!(text(&registry), "");
    gauge.labels([("a", "x")]).unwrap().inc();
    gauge.clear();
    assert_eq!(text(&registry), "");
}

#[test]
fn each_family_has_its_help_and_type_once_and_its_samples_in_one_block() {
    let registry = CollectorRegistry::new();
    let odd = Descriptor::new(Kind::Gauge, "custom", "C.").unwrap().with_labels(["k"]).unwrap();
    let collector = collector_fn([odd.clone()], move || {
        let mut family = FamilySnapshot::new(&odd);
        for value in ["b", "c", "a"] {
            family.push(&[("k", value)], 1.0);
        }
        Ok(vec![family])
    });
    registry.register(collector).unwrap();
    // Shared by name, so still one family.
    for _ in 0..2 {
        Counter::builder("shared_total", "S.").registry(&registry).build().unwrap().inc();
    }
    let expected = "\
# HELP custom C.
# TYPE custom gauge
custom{k=\"a\"} 1
custom{k=\"b\"} 1
custom{k=\"c\"} 1
# HELP shared_total S.
# TYPE shared_total counter
shared_total 2
";
    assert_eq!(text(&registry), expected);
}

#[test]
fn prefix_and_constant_labels_are_written_like_any_other() {
    let registry = CollectorRegistry::new().with_prefix("shop").unwrap().with_labels([("zone", "a\"b")]).unwrap();
    let counter = Counter::builder("hits_total", "H.").label_names(["a"]).registry(&registry).build().unwrap();
    counter.labels([("a", "1")]).unwrap().inc();
    assert_eq!(
        text(&registry),
        "# HELP shop_hits_total H.\n# TYPE shop_hits_total counter\nshop_hits_total{zone=\"a\\\"b\",a=\"1\"} 1\n"
    );
}

#[test]
fn two_scrapes_of_the_same_state_are_the_same_text() {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("g", "G.").label_names(["n"]).registry(&registry).build().unwrap();
    for n in 0..100 {
        gauge.labels([("n", n)]).unwrap().set(f64::from(n));
    }
    assert_eq!(text(&registry), text(&registry));
}
