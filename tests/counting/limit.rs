//! A limit on series holds whatever comes, and nothing that was counted is lost to it.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::collections::BTreeSet;
use std::error::Error;

use pytheus::metrics::{Counter, Family};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};
use pytheus::snapshot::FamilySnapshot;

type TestResult = Result<(), Box<dyn Error>>;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A reproducible source of numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap_or_default()
    }
}

fn limited(
    name: &str,
    labels: usize,
    limit: usize,
    registry: &CollectorRegistry,
) -> Result<Family<Counter>, Box<dyn Error>> {
    Ok(Counter::builder(name, "Limited.")
        .label_names(NAMES[..labels].to_vec())
        .limit(limit)
        .registry(registry)
        .build()?)
}

/// How many series there are, and the sum of their values.
fn series_and_total(registry: &CollectorRegistry) -> Result<(usize, f64), Box<dyn Error>> {
    let families = registry.collect()?;
    let values: Vec<f64> =
        families.iter().flat_map(FamilySnapshot::samples).map(|sample| sample.value().as_f64()).collect();
    Ok((values.len(), values.iter().sum()))
}

fn overflows(metric: &str, label: &str) -> f64 {
    let labels = [("metric", metric), ("label", label)];
    REGISTRY.sample_value("pytheus_label_overflow_total", &labels).unwrap_or(0.0)
}

#[test]
fn the_first_values_of_a_single_label_keep_their_series() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = limited("single_total", 1, 5, &registry)?;
    for round in 0..3 {
        for user in 0..20 {
            family.labels([("a", user)])?.inc();
        }
        let (series, total) = series_and_total(&registry)?;
        assert_eq!((series, total), (6, 20.0 * f64::from(round + 1)));
    }
    for user in 0..5 {
        assert_eq!(registry.sample_value("single_total", &[("a", &user.to_string())]), Some(3.0));
    }
    assert_eq!(registry.sample_value("single_total", &[("a", "__other__")]), Some(45.0));
    assert_eq!(overflows("single_total", "a"), 45.0);
    Ok(())
}

#[test]
fn exactly_the_limit_of_values_has_series() -> TestResult {
    for limit in [1, 15, 16, 17, 100] {
        let registry = CollectorRegistry::new();
        let family = limited("exact_total", 1, limit, &registry)?;
        for user in 0..2 * limit {
            family.labels([("a", user)])?.inc();
        }
        for user in 0..limit {
            assert_eq!(registry.sample_value("exact_total", &[("a", &user.to_string())]), Some(1.0), "{limit}");
        }
        assert_eq!(registry.sample_value("exact_total", &[("a", "__other__")]), Some(limit as f64));
    }
    Ok(())
}

#[test]
fn the_label_with_the_most_values_gives_way_first() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = limited("first_total", 2, 32, &registry)?;
    for user in 0..200 {
        for method in ["get", "post"] {
            family.labels([("a", method), ("b", &user.to_string())])?.inc();
        }
    }
    let other = |method| registry.sample_value("first_total", &[("a", method), ("b", "__other__")]);
    let [get, post] = [other("get"), other("post")];
    assert!(get > Some(100.0) && post > Some(100.0), "the methods stay apart: {get:?} {post:?}");
    assert_eq!(overflows("first_total", "a"), 0.0);
    assert_eq!(overflows("first_total", "b"), get.unwrap_or_default() + post.unwrap_or_default());
    assert_eq!(series_and_total(&registry)?.1, 400.0);
    Ok(())
}

#[test]
fn with_two_labels_a_sixteenth_of_the_limit_is_reserved_for_other() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = limited("kept_total", 2, 32, &registry)?;
    let value = |method, user: &str| registry.sample_value("kept_total", &[("a", method), ("b", user)]);
    let count = |method: &str, user: u32| -> TestResult {
        family.labels([("a", method), ("b", &*user.to_string())])?.inc();
        Ok(())
    };
    let all = || (0..15).flat_map(|user| ["get", "post"].map(|method| (method, user)));
    for (method, user) in all() {
        count(method, user)?;
    }
    // 30 of 32 stand as they were given.
    assert_eq!(series_and_total(&registry)?, (30, 30.0));
    for (method, user) in all() {
        assert_eq!(value(method, &user.to_string()), Some(1.0), "{method} {user}");
    }
    assert_eq!(overflows("kept_total", "a") + overflows("kept_total", "b"), 0.0);

    // The next are no longer apart by user, but by method.
    for user in 15..100 {
        count("get", user)?;
        count("post", user)?;
    }
    assert_eq!(series_and_total(&registry)?, (32, 200.0));
    for method in ["get", "post"] {
        assert_eq!((value(method, "15"), value(method, "__other__")), (None, Some(85.0)), "{method}");
    }
    // Those that were there count on by themselves.
    count("get", 14)?;
    assert_eq!(value("get", "14"), Some(2.0));
    assert_eq!((overflows("kept_total", "a"), overflows("kept_total", "b")), (0.0, 170.0));
    Ok(())
}

#[test]
fn no_input_makes_more_than_one_series_above_the_limit() -> TestResult {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for case in 0..400_u32 {
        let labels = 1 + random.below(3);
        let limit = 1 + random.below(if case % 4 == 0 { 100 } else { 20 });
        let ranges = [(); 3].map(|()| 1 + random.below(40));
        let registry = CollectorRegistry::new();
        let family = limited("random_total", labels, limit, &registry)?;
        let mut expected = 0.0;
        for step in 0..300 {
            let values = ranges.map(|range| match random.below(range + 1) {
                // What the limit writes itself, given by the user.
                0 => "__other__".to_owned(),
                n => format!("v{n}"),
            });
            let given = NAMES.into_iter().zip(&values).take(labels);
            family.labels(given)?.inc();
            expected += 1.0;
            if step % 25 == 0 {
                let (series, total) = series_and_total(&registry)?;
                assert!(series <= limit + 1, "case {case}: {series} series, limit {limit}");
                assert_eq!(total, expected, "case {case}");
            }
        }
        let (series, total) = series_and_total(&registry)?;
        assert!(series <= limit + 1, "case {case}: {series} series, limit {limit}");
        assert_eq!(total, expected, "case {case}");
    }
    Ok(())
}

#[test]
fn no_mix_of_counting_and_removing_makes_more_either() -> TestResult {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for case in 0..200_u32 {
        let limit = 1 + random.below(40);
        let registry = CollectorRegistry::new();
        let family = limited("mixed_total", 2, limit, &registry)?;
        let mut held = Vec::new();
        for _ in 0..300 {
            let [a, b] = [random.below(12), random.below(30)];
            match random.below(10) {
                0 => drop(family.remove([("a", a), ("b", b)])?),
                1 => family.retain(|labels| labels.get("b") != Some("__other__")),
                2 if random.below(10) == 0 => family.clear(),
                3 => held.push(family.labels([("a", a), ("b", b)])?),
                // Those of removed series come back, within the limit.
                4 => held.iter().for_each(Counter::inc),
                _ => family.labels([("a", a), ("b", b)])?.inc(),
            }
            let (series, _) = series_and_total(&registry)?;
            assert!(series <= limit + 1, "case {case}: {series} series, limit {limit}");
        }
    }
    Ok(())
}

#[test]
fn removing_a_series_makes_room_in_the_limit() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = limited("freed_total", 1, 2, &registry)?;
    let value = |user| registry.sample_value("freed_total", &[("a", user)]);
    for user in ["x", "y", "z"] {
        family.labels([("a", user)])?.inc();
    }
    assert_eq!((value("z"), value("__other__")), (None, Some(1.0)));
    assert!(family.remove([("a", "x")])?);
    for user in ["w", "v"] {
        family.labels([("a", user)])?.inc();
    }
    assert_eq!((value("w"), value("v"), value("__other__")), (Some(1.0), None, Some(2.0)));
    // The one above the limit frees no place: it takes none.
    assert!(family.remove([("a", "__other__")])?);
    family.labels([("a", "u")])?.inc();
    assert_eq!((value("u"), value("__other__")), (None, Some(1.0)));
    family.clear();
    for user in ["p", "q", "r"] {
        family.labels([("a", user)])?.inc();
    }
    assert_eq!((value("p"), value("q"), value("__other__")), (Some(1.0), Some(1.0), Some(1.0)));
    Ok(())
}

#[test]
fn a_limit_that_closed_sets_just_fit_under_merges_none_of_them() -> TestResult {
    let registry = CollectorRegistry::new();
    let mut builder = Counter::builder("closed_total", "Closed.").label_of::<bool>("a");
    for name in ["b", "c", "d", "e"] {
        builder = builder.label_of::<bool>(name);
    }
    let family = builder.limit(32).registry(&registry).build()?;
    assert_eq!(series_and_total(&registry)?.0, 32);
    assert_eq!(registry.sample_value("closed_total", &["a", "b", "c", "d", "e"].map(|l| (l, "__other__"))), None);
    family.clear();
    assert_eq!(series_and_total(&registry)?.0, 32);
    assert_eq!(overflows("closed_total", "a"), 0.0);
    Ok(())
}

#[test]
fn a_metric_without_labels_is_never_limited() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("plain_total", "Plain.").limit(1).registry(&registry).build()?;
    counter.inc();
    assert_eq!(series_and_total(&registry)?, (1, 1.0));
    assert!(counter.remove());
    counter.inc();
    assert_eq!(series_and_total(&registry)?, (1, 1.0));
    Ok(())
}

#[test]
fn threads_can_not_get_past_the_limit_or_lose_a_count() -> TestResult {
    for round in 0..20 {
        let registry = CollectorRegistry::new();
        let family = limited("threads_total", 2, 17, &registry)?;
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let family = &family;
                scope.spawn(move || {
                    let mut random = Random(thread + round * 4 + 1);
                    for _ in 0..500 {
                        let given = [("a", random.below(5)), ("b", random.below(60))];
                        family.labels(given).expect("the labels are right").inc();
                    }
                });
            }
        });
        let (series, total) = series_and_total(&registry)?;
        assert!(series <= 18, "{series} series");
        assert_eq!(total, 2_000.0);
    }
    Ok(())
}

#[test]
fn all_labels_give_way_in_the_end() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = limited("all_total", 3, 1, &registry)?;
    for n in 0..10 {
        family.labels(NAMES.map(|name| (name, n)))?.inc();
    }
    let rest = NAMES.map(|name| (name, "__other__"));
    assert_eq!(registry.sample_value("all_total", &rest), Some(9.0));
    let labels: BTreeSet<_> = NAMES.iter().filter(|label| overflows("all_total", label) == 9.0).collect();
    assert_eq!(labels.len(), 3);
    Ok(())
}

#[pytheus::counter(name = "literal_total", help = "Literal.", limit = 2, labels(queue = "a"))]
fn a() {}
#[pytheus::counter(name = "literal_total", help = "Literal.", limit = 2, labels(queue = "b"))]
fn b() {}
#[pytheus::counter(name = "literal_total", help = "Literal.", limit = 2, labels(queue = "c"))]
fn c() {}
#[pytheus::counter(name = "literal_total", help = "Literal.", limit = 2, labels(queue = "d"))]
fn d() {}

#[test]
fn series_that_are_there_from_the_start_keep_to_the_limit() -> TestResult {
    let series = || -> Result<Vec<f64>, Box<dyn Error>> {
        let families = REGISTRY.collect()?;
        let family = families.iter().find(|family| family.name() == "literal_total").ok_or("it is declared")?;
        Ok(family.samples().iter().map(|sample| sample.value().as_f64()).collect())
    };
    assert_eq!(series()?, [0.0, 0.0]);
    for call in [a, b, c, d] {
        call();
    }
    let counted = series()?;
    assert_eq!((counted.len(), counted.iter().sum()), (3, 4.0), "{counted:?}");
    Ok(())
}
