//! The text of numbers is that of their samples, byte for byte: for all kinds, dresses and label values.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use pytheus::collector::{Collector, collector_fn};
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::{RegisterError, ScrapeError};
use pytheus::exposition::{Exposition, generate_metrics_from};
use pytheus::metrics::{Counter, Gauge, Histogram, Info, StateSet, Summary};
use pytheus::registry::{CollectorRegistry, Registry};
use pytheus::snapshot::FamilySnapshot;

/// Shows the samples of another registry: it has no way of its own to scrape.
struct Samples<'a>(&'a CollectorRegistry);

impl Registry for Samples<'_> {
    fn register(&self, collector: Arc<dyn Collector>) -> Result<(), RegisterError> {
        self.0.register(collector)
    }

    fn unregister(&self, name: &str) -> Option<Arc<dyn Collector>> {
        self.0.unregister(name)
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, ScrapeError> {
        self.0.collect()
    }
}

/// A family to be exposed.
#[derive(Debug, Clone)]
struct Plan {
    kind: Kind,
    help: String,
    labels: BTreeSet<String>,
    /// Label values, and what is counted.
    series: Vec<(Vec<String>, Vec<f64>)>,
    /// The bounds of a histogram.
    buckets: BTreeSet<i16>,
    /// Collected by a collector of the user's own.
    custom: bool,
}

fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select("\n\\\"{}=,# é🦀".chars().collect::<Vec<_>>());
    vec(prop_oneof![2 => special, 1 => any::<char>()], 0..5).prop_map(|chars| chars.into_iter().collect())
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let kind = prop::sample::select(vec![
        Kind::Counter,
        Kind::Gauge,
        Kind::Histogram,
        Kind::Summary,
        Kind::Info,
        Kind::StateSet,
    ]);
    let amount = prop_oneof![any::<u32>().prop_map(f64::from), any::<f64>(), Just(0.1), Just(1e21)];
    // Enough series for several rounds of what is looked up at a time.
    (kind, any_text(), btree_set("[m-z][a-z]{0,3}", 0..3), prop_oneof![4 => 0..4_usize, 1 => 60..70_usize])
        .prop_flat_map(move |(kind, help, labels, count)| {
            let values = vec(any_text(), labels.len());
            let series = vec((values, vec(amount.clone(), 0..3)), count);
            (Just(kind), Just(help), Just(labels), series, btree_set(any::<i16>(), 1..5), any::<bool>()).prop_map(
                |(kind, help, labels, series, buckets, custom)| Plan { kind, help, labels, series, buckets, custom },
            )
        })
}

/// A prefix and constant labels, or neither.
fn any_registry() -> impl Strategy<Value = CollectorRegistry> {
    let labels = prop::collection::btree_map("[a-k][a-z]{0,2}", any_text(), 0..3);
    (prop::option::of("[a-z]{1,4}"), labels).prop_map(|(prefix, labels)| {
        let registry = match prefix {
            Some(prefix) => CollectorRegistry::new().with_prefix(prefix).unwrap(),
            None => CollectorRegistry::new(),
        };
        registry.with_labels(labels.into_iter().filter(|(name, _)| name != "le")).unwrap()
    })
}

/// A family of one kind, counted in as the plan says.
macro_rules! fill {
    ($plan:expr, $registry:expr, $builder:expr, |$metric:ident, $amount:ident| $count:expr) => {{
        let family = $builder.label_names(&$plan.labels).registry($registry).build().unwrap();
        for (values, amounts) in &$plan.series {
            let $metric = family.labels($plan.labels.iter().zip(values)).unwrap();
            for &$amount in amounts {
                $count;
            }
        }
    }};
}

fn expose(plan: &Plan, number: usize, registry: &CollectorRegistry) {
    // Neither in order nor a name of anything that others append.
    let end = if plan.kind == Kind::Info { "_info" } else { "" };
    let name = format!("{}_{number}x{end}", ["w", "b", "t"][number % 3]);
    let help = plan.help.as_str();
    if plan.custom {
        return custom(plan, &name, registry);
    }
    match plan.kind {
        Kind::Counter => fill!(plan, registry, Counter::builder(&name, help), |counter, amount| counter.inc_by(amount)),
        Kind::Gauge => fill!(plan, registry, Gauge::builder(&name, help), |gauge, amount| if amount == 0.1 {
            gauge.set_function(|| panic!("left out"));
        } else {
            gauge.set(amount);
        }),
        Kind::Histogram => {
            let builder =
                Histogram::builder(&name, help).buckets(plan.buckets.iter().map(|bound| f64::from(*bound) / 8.0));
            fill!(plan, registry, builder, |histogram, amount| histogram.observe(amount));
        }
        Kind::Summary => {
            fill!(plan, registry, Summary::builder(&name, help), |summary, amount| summary.observe(amount));
        }
        // Stated or not.
        Kind::Info => fill!(plan, registry, Info::builder(&name, help), |info, _amount| info.set()),
        Kind::StateSet => {
            let builder = StateSet::builder(&name, help).states(["off", "say \"on\"\\\n"]);
            fill!(plan, registry, builder, |states, _amount| states.set("off"));
        }
        _ => unreachable!("no kind that this test knows"),
    }
}

fn custom(plan: &Plan, name: &str, registry: &CollectorRegistry) {
    let descriptor = Descriptor::new(Kind::Gauge, name.to_owned(), plan.help.clone()).unwrap();
    let descriptor = descriptor.with_labels(plan.labels.iter().cloned()).unwrap();
    let (plan, described) = (plan.clone(), descriptor.clone());
    let collect = move || {
        let mut family = FamilySnapshot::new(&described);
        let distinct: BTreeSet<_> = plan.series.iter().map(|(values, _)| values).collect();
        for (number, values) in distinct.into_iter().enumerate() {
            let labels: Vec<_> =
                plan.labels.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
            family.push(&labels, number as f64 / 2.0);
        }
        Ok(vec![family])
    };
    registry.register(collector_fn([descriptor], collect)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn numbers_and_their_samples_make_the_same_text(registry in any_registry(), plans in vec(any_plan(), 1..6)) {
        pytheus::diagnostics::set_reporter(|_| {});
        for (number, plan) in plans.iter().enumerate() {
            expose(plan, number, &registry);
        }
        let direct = generate_metrics_from(&registry).unwrap();
        prop_assert_eq!(&direct, &generate_metrics_from(&Samples(&registry)).unwrap());
        let mut written = Vec::new();
        Exposition::of(&registry).write_to(&mut written).unwrap();
        prop_assert_eq!(direct.as_bytes(), &written[..]);
    }
}

#[test]
fn a_fraction_that_is_counted_after_a_scrape_is_in_the_next_one() {
    let registry = CollectorRegistry::new();
    let paid = Counter::builder("paid_total", "Paid.").label_names(["by"]).registry(&registry).build().unwrap();
    for by in ["card", "cash"] {
        paid.labels([("by", by)]).unwrap().inc();
    }
    let scraped = || generate_metrics_from(&registry).unwrap();
    assert!(scraped().contains("paid_total{by=\"card\"} 1\n"));
    paid.labels([("by", "card")]).unwrap().inc_by(0.5);
    assert!(scraped().contains("paid_total{by=\"card\"} 1.5\n"), "{}", scraped());
    assert!(scraped().contains("paid_total{by=\"cash\"} 1\n"), "{}", scraped());
}
