//! Collectors of one's own: what they give is shown, and what goes wrong costs their own families only.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use pytheus::collector::{Collector, collector_fn};
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::CollectError;
use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Counter, Histogram};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};
use pytheus::snapshot::FamilySnapshot;

type TestResult = Result<(), Box<dyn Error>>;

struct Disks {
    free: Descriptor,
    reads: Descriptor,
}

impl Disks {
    fn new() -> Result<Arc<Self>, Box<dyn Error>> {
        let free =
            Descriptor::new(Kind::Gauge, "disk_free_bytes", "Free.")?.with_unit("bytes")?.with_labels(["disk"])?;
        let reads = Descriptor::new(Kind::Counter, "disk_reads_total", "Reads.")?.with_labels(["kind", "disk"])?;
        Ok(Arc::new(Self { free, reads }))
    }
}

impl Collector for Disks {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.free.clone(), self.reads.clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        let mut reads = FamilySnapshot::new(&self.reads);
        reads.push(&[("kind", "page"), ("disk", "sdb")], 9_007_199_254_740_993_u64);
        reads.push(&[("disk", "sda")], 1_u64);
        let mut free = FamilySnapshot::new(&self.free);
        free.push(&[("disk", "sda")], 2.5);
        Ok(vec![reads, free])
    }
}

fn gauge(name: &'static str) -> Descriptor {
    Descriptor::new(Kind::Gauge, name, "G.").expect("the name is right")
}

fn failures(collector: &str) -> f64 {
    REGISTRY.sample_value("pytheus_collector_errors_total", &[("collector", collector)]).unwrap_or(0.0)
}

/// Checks that a collector costs only its own families, and is counted at each scrape.
fn costs_its_own_families_only(
    name: &'static str,
    collect: impl Fn(&Descriptor) -> Result<Vec<FamilySnapshot>, CollectError> + Send + Sync + 'static,
) -> TestResult {
    let registry = CollectorRegistry::new();
    Counter::builder("a_total", "A.").registry(&registry).build()?.inc();
    let descriptor = Descriptor::new(Kind::Gauge, name, "G.")?.with_labels(["x"])?;
    registry.register(collector_fn([descriptor.clone()], move || collect(&descriptor)))?;
    registry.register(Disks::new()?)?;
    Counter::builder("z_total", "Z.").registry(&registry).build()?.inc();
    for scrape in 1..=2_u8 {
        let names: Vec<_> = registry.collect()?.iter().map(|family| family.name().to_owned()).collect();
        assert_eq!(names, ["a_total", "disk_free_bytes", "disk_reads_total", "z_total"]);
        assert_eq!(failures(name), f64::from(scrape));
    }
    Ok(())
}

#[test]
fn a_collector_shows_its_families() -> TestResult {
    let registry = CollectorRegistry::new();
    registry.register(Disks::new()?)?;
    let text = "\
# HELP disk_free_bytes Free.
# TYPE disk_free_bytes gauge
disk_free_bytes{disk=\"sda\"} 2.5
# HELP disk_reads_total Reads.
# TYPE disk_reads_total counter
disk_reads_total{disk=\"sda\"} 1
disk_reads_total{disk=\"sdb\",kind=\"page\"} 9007199254740993
";
    assert_eq!(generate_metrics_from(&registry)?, text);
    Ok(())
}

#[test]
fn prefix_and_constant_labels_apply_to_collectors_too() -> TestResult {
    let registry = CollectorRegistry::new().with_prefix("host")?.with_labels([("zone", "1")])?;
    registry.register(Disks::new()?)?;
    assert_eq!(registry.sample_value("host_disk_free_bytes", &[("zone", "1"), ("disk", "sda")]), Some(2.5));
    let clash = CollectorRegistry::new().with_labels([("kind", "x")])?;
    let error = clash.register(Disks::new()?).expect_err("`kind` is a constant label");
    let text = error.to_string();
    assert!(text.contains("metric `disk_reads_total` declared at tests/registry/collectors.rs:"), "{text}");
    assert!(text.contains("its label `kind` is also a constant label"), "{text}");
    assert!(clash.collect()?.is_empty());
    Ok(())
}

#[test]
fn a_closure_is_a_collector_too() -> TestResult {
    let registry = CollectorRegistry::new();
    let descriptor = gauge("threads");
    registry.register(collector_fn([descriptor.clone()], move || {
        let mut family = FamilySnapshot::new(&descriptor);
        family.push(&[], 4.0);
        Ok(vec![family])
    }))?;
    assert_eq!(registry.sample_value("threads", &[]), Some(4.0));
    Ok(())
}

#[test]
fn duplicates_fail_when_they_are_registered() -> TestResult {
    let registry = CollectorRegistry::new();
    let disks = Disks::new()?;
    registry.register(disks.clone())?;
    registry.register(disks)?;
    let error = registry.register(Disks::new()?).expect_err("both names are taken");
    assert_eq!(error.to_string().matches("collectors.rs:").count(), 2, "{error}");
    assert!(Counter::builder("disk_reads_total", "R.").registry(&registry).build().is_err());
    assert!(registry.register(collector_fn([gauge("x"), gauge("disk_free_bytes")], || Ok(vec![]))).is_err());
    // A failed registration leaves nothing behind.
    registry.register(collector_fn([gauge("x")], || Ok(vec![])))?;
    assert!(registry.register(collector_fn([gauge("y"), gauge("y")], || Ok(vec![]))).is_err());
    let sums = [Descriptor::new(Kind::Summary, "s", "S.")?, gauge("s_sum")];
    assert!(registry.register(collector_fn(sums, || Ok(vec![]))).is_err());
    Counter::builder("counted_total", "C.").registry(&registry).build()?;
    assert!(registry.register(collector_fn([gauge("counted_total")], || Ok(vec![]))).is_err());
    Ok(())
}

#[test]
fn taking_out_one_name_takes_out_all_families_of_a_collector() -> TestResult {
    let registry = CollectorRegistry::new();
    registry.register(Disks::new()?)?;
    assert!(registry.unregister("disk_reads_total").is_some());
    assert!(registry.collect()?.is_empty());
    registry.register(Disks::new()?)?;
    Ok(())
}

#[test]
fn a_collector_that_returns_an_error_costs_its_own_families_only() -> TestResult {
    costs_its_own_families_only("fails", |_| Err("the disk is gone".into()))
}

#[test]
fn a_collector_that_panics_costs_its_own_families_only() -> TestResult {
    costs_its_own_families_only("panics", |_| panic!("on purpose"))
}

#[test]
fn a_collector_whose_error_panics_costs_its_own_families_only() -> TestResult {
    #[derive(Debug)]
    struct Evil;
    impl fmt::Display for Evil {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("on purpose")
        }
    }
    impl Error for Evil {}
    costs_its_own_families_only("evil", |_| Err(Box::new(Evil)))
}

#[test]
fn a_collector_that_panics_with_a_payload_that_panics_costs_its_own_families_only() -> TestResult {
    struct Evil;
    impl Drop for Evil {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "on purpose");
        }
    }
    costs_its_own_families_only("evil_payload", |_| std::panic::panic_any(Evil))
}

#[test]
fn a_family_that_was_not_described_costs_the_collector_its_own_only() -> TestResult {
    costs_its_own_families_only("undeclared", |own| {
        let mut fine = FamilySnapshot::new(own);
        fine.push(&[("x", "1")], 1.0);
        Ok(vec![fine, FamilySnapshot::new(&gauge("a_total"))])
    })?;
    costs_its_own_families_only("other_kind", |_| {
        let other = Descriptor::new(Kind::Counter, "other_kind", "G.")?.with_labels(["x"])?;
        Ok(vec![FamilySnapshot::new(&other)])
    })?;
    costs_its_own_families_only("other_labels", |_| Ok(vec![FamilySnapshot::new(&gauge("other_labels"))]))
}

#[test]
fn malformed_samples_cost_the_collector_its_own_families_only() -> TestResult {
    costs_its_own_families_only("given_twice", |own| {
        let mut family = FamilySnapshot::new(own);
        family.push(&[("x", "1"), ("x", "2")], 1.0);
        Ok(vec![family])
    })?;
    costs_its_own_families_only("unknown_label", |own| {
        let mut family = FamilySnapshot::new(own);
        family.push(&[("x", "1"), ("y", "2")], 1.0);
        Ok(vec![family])
    })?;
    costs_its_own_families_only("same_series", |own| {
        let mut family = FamilySnapshot::new(own);
        family.push(&[("x", "1")], 1.0);
        family.push(&[("x", "1")], 2.0);
        Ok(vec![family])
    })?;
    costs_its_own_families_only("same_family", |own| Ok(vec![FamilySnapshot::new(own), FamilySnapshot::new(own)]))?;
    costs_its_own_families_only("wrong_parts", |own| {
        let mut family = FamilySnapshot::new(own);
        family.push_summary(&[("x", "1")], 1, 1.0);
        Ok(vec![family])
    })
}

#[test]
fn a_histogram_is_given_by_its_buckets() -> TestResult {
    let registry = CollectorRegistry::new();
    let pauses = Descriptor::new(Kind::Histogram, "gc_seconds", "Pauses.")?.with_buckets([0.1, 1.0])?;
    registry.register(collector_fn([pauses.clone()], move || {
        let mut family = FamilySnapshot::new(&pauses);
        family.push_histogram(&[], [(0.1, 3), (1.0, 1)], 2, 7.5);
        Ok(vec![family])
    }))?;
    let text = "\
# HELP gc_seconds Pauses.
# TYPE gc_seconds histogram
gc_seconds_bucket{le=\"0.1\"} 3
gc_seconds_bucket{le=\"1.0\"} 4
gc_seconds_bucket{le=\"+Inf\"} 6
gc_seconds_sum 7.5
gc_seconds_count 6
";
    assert_eq!(generate_metrics_from(&registry)?, text);
    Ok(())
}

#[test]
fn histogram_buckets_out_of_order_cost_the_collector_its_own_families_only() -> TestResult {
    for bounds in [[1.0, 0.1], [f64::NAN, 1.0], [1.0, 1.0]] {
        let registry = CollectorRegistry::new();
        let pauses = Descriptor::new(Kind::Histogram, "gc_seconds", "Pauses.")?;
        registry.register(collector_fn([pauses.clone()], move || {
            let mut family = FamilySnapshot::new(&pauses);
            family.push_histogram(&[], bounds.map(|bound| (bound, 1)), 0, 1.0);
            Ok(vec![family])
        }))?;
        assert!(registry.collect()?.is_empty(), "{bounds:?}");
    }
    Ok(())
}

#[test]
fn a_collector_may_pass_on_the_families_of_metrics() -> TestResult {
    let registry = CollectorRegistry::new();
    let inner = Histogram::builder("t", "T.").label_names(["x"]).buckets([1.0]).unregistered().build()?;
    for x in ["b", "a"] {
        inner.labels([("x", x)])?.observe(0.5);
    }
    let family = inner.collector();
    registry.register(collector_fn(family.descriptors(), move || family.collect()))?;
    let direct = CollectorRegistry::new();
    direct.register(inner.collector())?;
    assert_eq!(generate_metrics_from(&registry)?, generate_metrics_from(&direct)?);
    Ok(())
}

#[test]
fn a_collector_may_count_and_register_while_it_collects() -> TestResult {
    let registry = Arc::new(CollectorRegistry::new());
    let scrapes = Counter::builder("scrapes_total", "Scrapes.").registry(&registry).build()?;
    let own = Arc::downgrade(&registry);
    registry.register(collector_fn([gauge("late")], move || {
        scrapes.inc();
        let registry = own.upgrade().ok_or("it is being scraped")?;
        Counter::builder("made_total", "Made.").registry(&registry).build()?.inc();
        Ok(vec![])
    }))?;
    registry.collect()?;
    registry.collect()?;
    assert_eq!(registry.sample_value("made_total", &[]), Some(2.0));
    Ok(())
}

/// A registry that a collector can refer to.
fn leaked() -> &'static CollectorRegistry {
    Box::leak(Box::default())
}

#[test]
fn a_collector_that_scrapes_its_own_registry_costs_its_own_families_only() -> TestResult {
    let registry = leaked();
    Counter::builder("jobs_total", "J.").registry(registry).build()?.inc();
    // With the error passed on, and with the error made a number.
    let length = gauge("length_passed_on");
    registry.register(collector_fn([length.clone()], move || {
        let mut family = FamilySnapshot::new(&length);
        family.push(&[], generate_metrics_from(registry)?.len() as f64);
        Ok(vec![family])
    }))?;
    let length = gauge("length_or_zero");
    registry.register(collector_fn([length.clone()], move || {
        let mut family = FamilySnapshot::new(&length);
        family.push(&[], generate_metrics_from(registry).unwrap_or_default().len() as f64);
        Ok(vec![family])
    }))?;
    for scrape in 1..=2_u8 {
        assert_eq!(generate_metrics_from(registry)?, "# HELP jobs_total J.\n# TYPE jobs_total counter\njobs_total 1\n");
        assert_eq!(failures("length_passed_on"), f64::from(scrape));
        assert_eq!(failures("length_or_zero"), f64::from(scrape));
    }
    Ok(())
}

#[test]
fn a_collector_may_forward_another_registry() -> TestResult {
    let (inner, outer) = (leaked(), CollectorRegistry::new());
    Counter::builder("inner_total", "I.").registry(inner).build()?.inc();
    let passed = Descriptor::new(Kind::Counter, "inner_total", "I.")?;
    outer.register(collector_fn([passed], move || Ok(inner.collect()?)))?;
    assert_eq!(outer.sample_value("inner_total", &[]), Some(1.0));
    Ok(())
}

#[test]
fn a_collector_may_ask_for_values_but_its_own() -> TestResult {
    let registry = leaked();
    Counter::builder("hits_total", "H.").registry(registry).build()?.inc_by(3_u8);
    let share = |name: &'static str, of: &'static str| {
        let descriptor = gauge(name);
        collector_fn([descriptor.clone()], move || {
            let mut family = FamilySnapshot::new(&descriptor);
            family.push(&[], registry.sample_value(of, &[]).unwrap_or(0.0) / 6.0);
            Ok(vec![family])
        })
    };
    registry.register(share("hit_share", "hits_total"))?;
    registry.register(share("share_of_share", "hit_share"))?;
    registry.register(share("own_share", "own_share"))?;
    registry.register(share("share_of_own_share", "own_share"))?;
    // Two that ask for each other.
    registry.register(share("ring_1", "ring_2"))?;
    registry.register(share("ring_2", "ring_1"))?;
    for scrape in 1..=2_u8 {
        let names: Vec<_> = registry.collect()?.iter().map(|family| family.name().to_owned()).collect();
        assert_eq!(names, ["hit_share", "hits_total", "share_of_own_share", "share_of_share"]);
        for failing in ["ring_1", "ring_2"] {
            assert!(failures(failing) >= f64::from(scrape), "{failing}");
        }
    }
    assert_eq!(registry.sample_value("hit_share", &[]), Some(0.5));
    assert_eq!(registry.sample_value("share_of_share", &[]), Some(0.5 / 6.0));
    Ok(())
}

/// Each scrape of such a thread collects again: without a bound the chain ends when the system has no more threads.
#[test]
fn collectors_that_scrape_on_another_thread_and_wait_for_it_end() -> TestResult {
    let registry = leaked();
    let scrapes = Counter::builder("nested_total", "N.").registry(registry).build()?;
    for name in ["threaded_1", "threaded_2", "threaded_3"] {
        let (descriptor, scrapes) = (gauge(name), scrapes.clone());
        registry.register(collector_fn([descriptor.clone()], move || {
            scrapes.inc();
            let length = std::thread::spawn(move || generate_metrics_from(registry).map(|text| text.len()));
            let mut family = FamilySnapshot::new(&descriptor);
            family.push(&[], length.join().map_err(|_| "it panicked")?? as f64);
            Ok(vec![family])
        }))?;
    }
    for _ in 0..2 {
        registry.collect()?;
    }
    assert!(scrapes.get() < 2_000.0, "{scrapes:?}: {}", scrapes.get());
    assert!(failures("threaded_1") > 0.0);
    Ok(())
}

#[test]
fn many_threads_may_scrape_a_slow_collector_at_once() -> TestResult {
    const THREADS: usize = 16;
    let registry = leaked();
    let all_are_there = Arc::new(std::sync::Barrier::new(THREADS));
    let slow = gauge("slow");
    registry.register(collector_fn([slow.clone()], move || {
        all_are_there.wait();
        let mut family = FamilySnapshot::new(&slow);
        family.push(&[], 1.0);
        Ok(vec![family])
    }))?;
    let scrapes: Vec<_> = (0..THREADS).map(|_| std::thread::spawn(|| registry.sample_value("slow", &[]))).collect();
    for scrape in scrapes {
        assert_eq!(scrape.join().expect("it does not panic"), Some(1.0));
    }
    Ok(())
}

#[test]
fn a_value_that_its_kind_does_not_allow_is_not_passed_on() -> TestResult {
    let wrong: [(Kind, f64); 11] = [
        (Kind::Counter, f64::NAN),
        (Kind::Counter, -1.0),
        (Kind::Counter, f64::NEG_INFINITY),
        (Kind::Counter, -f64::MIN_POSITIVE),
        (Kind::Summary, f64::NAN),
        (Kind::Histogram, f64::NAN),
        (Kind::Info, 0.0),
        (Kind::Info, 2.0),
        (Kind::Info, f64::NAN),
        (Kind::StateSet, 0.5),
        (Kind::StateSet, f64::NAN),
    ];
    for (number, (kind, value)) in wrong.into_iter().enumerate() {
        let name = format!("wrong_{number}{}", if kind == Kind::Info { "_info" } else { "" });
        let descriptor = Descriptor::new(kind, name.clone(), "W.")?.with_labels(["x"])?;
        let registry = CollectorRegistry::new();
        Counter::builder("fine_total", "F.").registry(&registry).build()?.inc();
        registry.register(collector_fn([descriptor.clone()], move || {
            let mut family = FamilySnapshot::new(&descriptor);
            match kind {
                Kind::Summary => family.push_summary(&[("x", "1")], 3, value),
                Kind::Histogram => family.push_histogram(&[("x", "1")], [(1.0, 3)], 0, value),
                _ => family.push(&[("x", "1")], value),
            }
            Ok(vec![family])
        }))?;
        let text = generate_metrics_from(&registry)?;
        assert_eq!(text, "# HELP fine_total F.\n# TYPE fine_total counter\nfine_total 1\n", "{kind} {value}");
        assert_eq!(failures(&name), 1.0, "{kind} {value}");
    }
    // Counts that wrap around would fall from one bucket to the next.
    let registry = CollectorRegistry::new();
    let wraps = Descriptor::new(Kind::Histogram, "wraps_seconds", "W.")?;
    registry.register(collector_fn([wraps.clone()], move || {
        let mut family = FamilySnapshot::new(&wraps);
        family.push_histogram(&[], [(1.0, u64::MAX)], 2, 1.0);
        Ok(vec![family])
    }))?;
    assert_eq!(generate_metrics_from(&registry)?, "");
    Ok(())
}

#[test]
fn a_value_that_its_kind_allows_is_passed_on_as_it_is() -> TestResult {
    let registry = CollectorRegistry::new();
    let [g, c, s] = [(Kind::Gauge, "g"), (Kind::Counter, "c_total"), (Kind::Summary, "s")]
        .map(|(kind, name)| Descriptor::new(kind, name, ""));
    let (g, c, s) = (g?.with_labels(["v"])?, c?.with_labels(["v"])?, s?);
    registry.register(collector_fn([g.clone(), c.clone(), s.clone()], move || {
        let mut gauge = FamilySnapshot::new(&g);
        for (label, value) in [("a", f64::NAN), ("b", -1.0), ("c", -0.0), ("d", f64::NEG_INFINITY), ("e", 0.0)] {
            gauge.push(&[("v", label)], value);
        }
        let mut counter = FamilySnapshot::new(&c);
        counter.push(&[("v", "a")], 0.0);
        counter.push(&[("v", "b")], f64::INFINITY);
        counter.push(&[("v", "c")], u64::MAX);
        let mut summary = FamilySnapshot::new(&s);
        summary.push_summary(&[], 2, -7.5);
        Ok(vec![gauge, counter, summary])
    }))?;
    let text = "\
# TYPE c_total counter
c_total{v=\"a\"} 0
c_total{v=\"b\"} +Inf
c_total{v=\"c\"} 18446744073709551615
# TYPE g gauge
g{v=\"a\"} NaN
g{v=\"b\"} -1
g{v=\"c\"} -0
g{v=\"d\"} -Inf
g{v=\"e\"} 0
# TYPE s summary
s_sum -7.5
s_count 2
";
    assert_eq!(generate_metrics_from(&registry)?, text);
    Ok(())
}
