//! Whatever is written can be read, and all formats say the same: the parsers of `PyPI`'s `prometheus_client`, and messages of
//! protobuf as prost decodes them, give back each name, help text, label value and number that went in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock};

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::{Exposition, Format, generate_metrics_from};
use pytheus::metrics::{Counter, Gauge, Histogram, Summary};
use pytheus::registry::{CollectorRegistry, Registry as _};
use pytheus::snapshot::{FamilySnapshot, Number};
use support::protobuf;
use support::python::{Family, Parser};

/// A family to be written.
#[derive(Debug, Clone)]
struct Plan {
    name: String,
    help: String,
    labels: BTreeSet<String>,
    series: Vec<(Vec<String>, Value)>,
}

/// What a series is given; all series of a family are given the same sort of thing.
#[derive(Debug, Clone)]
enum Value {
    Counter(Vec<f64>),
    Gauge(f64),
    Histogram(Vec<f64>),
    Summary(Vec<f64>),
    Custom(Number),
}

/// Bounds, and how `le` shows them.
const BUCKETS: [(f64, &str); 7] = [
    (-1e100, "-1e+100"),
    (0.0, "0.0"),
    (5e-324, "5e-324"),
    (0.1, "0.1"),
    (1.0, "1.0"),
    (f64::MAX, "1.7976931348623157e+308"),
    (f64::INFINITY, "+Inf"),
];

/// Text in which everything that a format could trip over is frequent.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select("\n\\\"{}=,#  \t\r\0n+\u{85}\u{2028}é🦀".chars().collect::<Vec<_>>());
    vec(prop_oneof![3 => special, 1 => any::<char>()], 0..12).prop_map(|chars| chars.into_iter().collect())
}

/// Floats of all classes: normal, subnormal, zero, infinite and NaN, of both signs, and whole ones.
fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![prop::num::f64::ANY, any::<i32>().prop_map(f64::from), Just(0.1), Just(1e21), Just(1e16)]
}

fn finite() -> impl Strategy<Value = f64> {
    any_float().prop_filter("finite", |value| value.is_finite())
}

/// Values for the series of one family.
fn values(count: usize) -> impl Strategy<Value = Vec<Value>> {
    let amounts = || vec(finite().prop_map(f64::abs), 0..4);
    let number = prop_oneof![any::<u64>().prop_map(Number::Int), any_float().prop_map(Number::Float)];
    prop_oneof![
        vec(amounts().prop_map(Value::Counter), count),
        vec(any_float().prop_map(Value::Gauge), count),
        vec(vec(finite(), 0..6).prop_map(Value::Histogram), count),
        vec(vec(finite(), 0..6).prop_map(Value::Summary), count),
        vec(number.prop_map(Value::Custom), count),
    ]
}

fn any_plan() -> impl Strategy<Value = Plan> {
    // `le` is kept from histograms, and `__` is Prometheus' own.
    let label = "[a-zA-Z][a-zA-Z0-9_]{0,6}".prop_filter("free", |name| name != "le" && name != "quantile");
    ("[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", any_text(), btree_set(label, 0..4), 0..5_usize)
        .prop_flat_map(|(name, help, labels, count)| {
            // Those that come out alike are one series.
            let series = vec(vec(any_text(), labels.len()), count).prop_map(BTreeSet::from_iter);
            (Just(name), Just(help), Just(labels), series)
        })
        .prop_flat_map(|(name, help, labels, series)| {
            let count = series.len();
            (Just(name), Just(help), Just(labels), Just(series), values(count))
        })
        .prop_map(|(name, help, labels, series, values)| Plan {
            name,
            help,
            labels,
            series: series.into_iter().zip(values).collect(),
        })
}

/// What Python should read: help and type by name, values by sample name and labels.
#[derive(Debug, Default)]
struct Expected {
    families: BTreeMap<String, (String, String)>,
    samples: BTreeMap<(String, Vec<(String, String)>), f64>,
}

impl Expected {
    fn family(&mut self, name: &str, help: &str, kind: &str) {
        // White space around a help text is not part of it; a line feed is escaped, so it is.
        let help = help.trim_end_matches(is_blank).trim_start_matches([' ', '\t', '\r', '\u{b}', '\u{c}']);
        // Python has a name of its own for the family of a counter.
        let name = name.strip_suffix("_total").filter(|_| kind == "counter").unwrap_or(name);
        self.families.insert(name.to_owned(), (help.to_owned(), kind.to_owned()));
    }

    fn sample(&mut self, name: String, labels: &[(String, String)], value: f64) {
        let mut labels: Vec<_> = labels.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
        labels.sort();
        assert!(self.samples.insert((name, labels), value).is_none(), "a sample twice");
    }
}

/// What Python strips off the end of a line.
fn is_blank(c: char) -> bool {
    (c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')) && c != '\n'
}

/// Makes the metrics of a plan, and notes what should be read back.
fn write(plan: &Plan, number: usize, registry: &CollectorRegistry, expected: &mut Expected) {
    let Some((_, first)) = plan.series.first() else { return };
    // The number keeps names apart, whatever is appended to them.
    let kind = match first {
        Value::Counter(_) => "counter",
        Value::Gauge(_) | Value::Custom(_) => "gauge",
        Value::Histogram(_) => "histogram",
        Value::Summary(_) => "summary",
    };
    let total = if kind == "counter" { "_total" } else { "" };
    let name = &format!("{}_{number}x{total}", plan.name);
    expected.family(name, &plan.help, kind);
    let with_values = |values: &[String]| -> Vec<(String, String)> {
        plan.labels.iter().cloned().zip(values.iter().cloned()).collect()
    };
    let help = plan.help.as_str();
    for (values, value) in &plan.series {
        let labels = with_values(values);
        match value {
            Value::Counter(amounts) => {
                let family = Counter::builder(name, help).label_names(&plan.labels).registry(registry).build().unwrap();
                let counter = family.labels(labels.iter().cloned()).unwrap();
                for amount in amounts {
                    counter.inc_by(*amount);
                }
                expected.sample(name.clone(), &labels, counter.get());
            }
            Value::Gauge(value) => {
                let family = Gauge::builder(name, help).label_names(&plan.labels).registry(registry).build().unwrap();
                family.labels(labels.iter().cloned()).unwrap().set(*value);
                expected.sample(name.clone(), &labels, *value);
            }
            Value::Histogram(observed) => {
                let builder =
                    Histogram::builder(name, help).label_names(&plan.labels).buckets(BUCKETS.map(|(bound, _)| bound));
                let histogram = builder.registry(registry).build().unwrap().labels(labels.iter().cloned()).unwrap();
                for value in observed {
                    histogram.observe(*value);
                }
                for (bound, le) in BUCKETS {
                    let mut labels = labels.clone();
                    labels.push(("le".to_owned(), le.to_owned()));
                    let count = observed.iter().filter(|value| **value <= bound).count();
                    expected.sample(format!("{name}_bucket"), &labels, count as f64);
                }
                expected.sample(format!("{name}_count"), &labels, observed.len() as f64);
                expected.sample(format!("{name}_sum"), &labels, observed.iter().sum());
            }
            Value::Summary(observed) => {
                let family = Summary::builder(name, help).label_names(&plan.labels).registry(registry).build().unwrap();
                let summary = family.labels(labels.iter().cloned()).unwrap();
                for value in observed {
                    summary.observe(*value);
                }
                expected.sample(format!("{name}_count"), &labels, observed.len() as f64);
                expected.sample(format!("{name}_sum"), &labels, observed.iter().sum());
            }
            Value::Custom(value) => expected.sample(name.clone(), &labels, value.as_f64()),
        }
    }
    if matches!(first, Value::Custom(_)) {
        let descriptor = Descriptor::new(Kind::Gauge, name.clone(), plan.help.clone()).unwrap();
        let descriptor = descriptor.with_labels(plan.labels.iter().cloned()).unwrap();
        let series: Vec<_> = plan.series.iter().map(|(values, value)| (with_values(values), value.clone())).collect();
        let collect = {
            let descriptor = descriptor.clone();
            move || {
                let mut family = FamilySnapshot::new(&descriptor);
                for (labels, value) in &series {
                    let Value::Custom(value) = value else { unreachable!("one sort of value per family") };
                    let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
                    family.push(&labels, *value);
                }
                Ok(vec![family])
            }
        };
        registry.register(collector_fn([descriptor], collect)).unwrap();
    }
}

static PARSER: OnceLock<Mutex<Parser>> = OnceLock::new();

fn read(exposition: &str) -> Result<Vec<Family>, String> {
    PARSER.get_or_init(|| Mutex::new(Parser::start())).lock().unwrap().parse(exposition)
}

/// The same number, as far as Python's parser goes: it reads `-0` as a whole number, which has no sign.
fn same(a: f64, b: f64) -> bool {
    let unsigned = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
    unsigned(a).to_bits() == unsigned(b).to_bits()
}

/// Holds what Python read against what was written.
fn compare(registry: &CollectorRegistry, expected: &Expected) -> Result<(), TestCaseError> {
    let exposition = generate_metrics_from(registry).unwrap();
    let families = read(&exposition).map_err(|error| TestCaseError::fail(format!("{error}\n{exposition}")))?;

    let about = |family: &Family| (family.name.clone(), (family.help.clone(), family.kind.clone()));
    let read_families: BTreeMap<_, _> = families.iter().map(about).collect();
    prop_assert_eq!(read_families.len(), families.len(), "a family comes once: {}", exposition);
    prop_assert_eq!(&read_families, &expected.families, "{}", exposition);

    let mut unread: BTreeSet<_> = expected.samples.keys().collect();
    for sample in families.iter().flat_map(|family| &family.samples) {
        let key = (sample.name.clone(), sample.labels.clone().into_iter().collect::<Vec<_>>());
        prop_assert!(unread.remove(&key), "{:?} was not written, or is read twice: {}", key, exposition);
        let value = expected.samples[&key];
        prop_assert!(same(value, sample.value), "{:?}: {} became {}", key, value, sample.value);
    }
    prop_assert!(unread.is_empty(), "not read: {:?}\n{}", unread, exposition);
    compare_openmetrics(registry, expected)?;
    compare_protobuf(registry, expected)
}

fn bytes(registry: &CollectorRegistry, format: Format) -> Vec<u8> {
    Exposition::of(registry).format(format).to_bytes().unwrap()
}

/// Holds what Python's strict parser of `OpenMetrics` read against what was written.
fn compare_openmetrics(registry: &CollectorRegistry, expected: &Expected) -> Result<(), TestCaseError> {
    let exposition = String::from_utf8(bytes(registry, Format::OpenMetrics)).unwrap();
    let parsed = PARSER.get_or_init(|| Mutex::new(Parser::start())).lock().unwrap().parse_openmetrics(&exposition);
    let families = parsed.map_err(|error| TestCaseError::fail(format!("{error}\n{exposition}")))?;
    prop_assert_eq!(families.len(), expected.families.len(), "{}", exposition);
    let mut unread = expected.samples.clone();
    for family in &families {
        prop_assert_eq!(&family.kind, &expected.families[&family.name].1, "{}", exposition);
        for sample in &family.samples {
            let key = (sample.name.clone(), sample.labels.clone().into_iter().collect::<Vec<_>>());
            let value = unread.remove(&key);
            prop_assert!(value.is_some_and(|value| same(value, sample.value)), "{:?} {:?}: {}", key, value, exposition);
        }
    }
    // The format has no sum below 0, and no sum, and so no count, of histograms with negative bounds, as all of these are.
    let is_histogram = |name: &str| expected.families.get(name).is_some_and(|(_, kind)| kind == "histogram");
    unread.retain(|(name, _), value| {
        let family = name.strip_suffix("_sum").or_else(|| name.strip_suffix("_count"));
        !family.is_some_and(|family| is_histogram(family) || *value < 0.0)
    });
    prop_assert!(unread.is_empty(), "not read: {:?}\n{}", unread, exposition);
    Ok(())
}

/// Holds the messages of protobuf against what was written.
fn compare_protobuf(registry: &CollectorRegistry, expected: &Expected) -> Result<(), TestCaseError> {
    let mut read = BTreeMap::new();
    for family in protobuf::decode(&bytes(registry, Format::Protobuf)) {
        let name = &family.name;
        let known = expected.families.get(name).or_else(|| expected.families.get(name.strip_suffix("_total")?));
        let kind = ["counter", "gauge", "summary", "untyped", "histogram"][usize::try_from(family.kind).unwrap()];
        prop_assert_eq!(known.map(|(_, kind)| kind.as_str()), Some(kind), "{}", name);
        for metric in family.metric {
            let labels: Vec<_> = metric.label.into_iter().map(|label| (label.name, label.value)).collect();
            let mut add = |suffix: &str, own: Option<(&str, String)>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(own.map(|(name, value)| (name.to_owned(), value)));
                labels.sort();
                read.insert((format!("{name}{suffix}"), labels), value);
            };
            if let Some(single) = metric.counter.or(metric.gauge) {
                if single.value.is_nan() {
                    prop_assert_eq!(single.value.to_bits(), 0x7ff8_0000_0000_0001, "the NaN of Prometheus");
                }
                add("", None, single.value);
            }
            if let Some(summary) = metric.summary {
                add("_sum", None, summary.sample_sum);
                add("_count", None, summary.sample_count as f64);
            }
            if let Some(histogram) = metric.histogram {
                for bucket in histogram.bucket {
                    let le = BUCKETS.iter().find(|(bound, _)| same(*bound, bucket.upper_bound)).expect("a bound").1;
                    add("_bucket", Some(("le", le.to_owned())), bucket.cumulative_count as f64);
                }
                add("_bucket", Some(("le", "+Inf".to_owned())), histogram.sample_count as f64);
                add("_sum", None, histogram.sample_sum);
                add("_count", None, histogram.sample_count as f64);
            }
        }
    }
    prop_assert!(read.keys().eq(expected.samples.keys()), "{:?}\n{:?}", read, expected.samples);
    for (key, value) in &expected.samples {
        prop_assert!(same(*value, read[key]), "{:?}: {} became {}", key, value, read[key]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn every_format_gives_back_each_value_that_was_written(plans in vec(any_plan(), 1..4)) {
        let registry = CollectorRegistry::new();
        let mut expected = Expected::default();
        for (number, plan) in plans.iter().enumerate() {
            write(plan, number, &registry, &mut expected);
        }
        compare(&registry, &expected)?;
    }
}

#[test]
fn the_python_parser_reads_back_a_label_value_of_one_megabyte() {
    // Few quotes: that parser copies all before each of them.
    let piece = "\n\\{é,=}🦀 \u{0}".to_owned() + &"x".repeat(4000) + "\"";
    let value: String = piece.chars().cycle().take(1 << 20).collect();
    let registry = CollectorRegistry::new();
    let mut expected = Expected::default();
    let plan = Plan {
        name: "long".to_owned(),
        help: value.clone(),
        labels: BTreeSet::from(["v".to_owned()]),
        series: vec![(vec![value], Value::Gauge(1.0))],
    };
    write(&plan, 0, &registry, &mut expected);
    compare(&registry, &expected).unwrap();
}
