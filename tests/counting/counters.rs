//! Counters and gauges: every method, and what is refused.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use pytheus::descriptor::GaugeMode;
use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Counter, Gauge, Histogram};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

type TestResult = Result<(), Box<dyn Error>>;

/// The only line of a family without labels, less its name.
fn text_of(registry: &CollectorRegistry, name: &str) -> Result<String, Box<dyn Error>> {
    let text = generate_metrics_from(registry)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(str::to_owned).ok_or_else(|| format!("no `{name}` in:\n{text}").into())
}

fn dropped(reason: &str) -> f64 {
    REGISTRY.sample_value("pytheus_dropped_updates_total", &[("reason", reason)]).unwrap_or(0.0)
}

#[test]
fn a_counter_starts_at_zero_and_is_exposed_before_it_counts() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("starts_total", "Starts.").registry(&registry).build()?;
    assert_eq!(counter.get(), 0.0);
    let text = generate_metrics_from(&registry)?;
    assert_eq!(text, "# HELP starts_total Starts.\n# TYPE starts_total counter\nstarts_total 0\n");
    Ok(())
}

#[test]
fn whole_amounts_stay_exact_beyond_the_precision_of_an_f64() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("exact_total", "Exact.").registry(&registry).build()?;
    // 2^53 = 9 * 10^15 + 7_199_254_740_992, after which an f64 skips every other whole number.
    for _ in 0..9 {
        counter.inc_by(1e15);
    }
    counter.inc_by(7_199_254_740_992.0);
    assert_eq!(text_of(&registry, "exact_total")?, "9007199254740992");
    counter.inc();
    assert_eq!(text_of(&registry, "exact_total")?, "9007199254740993");
    for _ in 0..10 {
        counter.inc_by(1.0);
    }
    assert_eq!(text_of(&registry, "exact_total")?, "9007199254741003");
    Ok(())
}

#[test]
fn a_counter_is_exact_up_to_the_last_u64() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("last_total", "Last.").registry(&registry).build()?;
    counter.inc_by(9_223_372_036_854_775_808.0);
    counter.inc_by(9_223_372_036_854_774_784.0);
    for _ in 0..1023 {
        counter.inc();
    }
    assert_eq!(text_of(&registry, "last_total")?, u64::MAX.to_string());
    Ok(())
}

#[test]
fn an_amount_beyond_u64_is_counted_as_a_float() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("huge_total", "Huge.").registry(&registry).build()?;
    counter.inc_by(18_446_744_073_709_551_616.0);
    counter.inc_by(1e300);
    assert_eq!(counter.get(), 1e300);
    assert_eq!(text_of(&registry, "huge_total")?.parse(), Ok(1e300));
    Ok(())
}

#[test]
fn fractions_and_whole_amounts_add_up() -> TestResult {
    let registry = CollectorRegistry::new();
    let counter = Counter::builder("mixed_total", "Mixed.").registry(&registry).build()?;
    counter.inc();
    counter.inc_by(0.5);
    counter.inc_by(2.25);
    counter.inc_by(0.0);
    counter.inc_by(-0.0);
    assert_eq!(counter.get(), 3.75);
    assert_eq!(text_of(&registry, "mixed_total")?, "3.75");
    counter.inc_by(0.25);
    assert_eq!(text_of(&registry, "mixed_total")?, "4");
    counter.inc_by(f64::MIN_POSITIVE);
    assert_eq!(counter.get(), 4.0);
    Ok(())
}

#[test]
fn amounts_that_no_counter_can_take_are_refused_and_counted_by_reason() -> TestResult {
    let counter = Counter::builder("refuses_total", "Refuses.").unregistered().build()?;
    counter.inc_by(2.5);
    let before = (dropped("negative_increment"), dropped("non_finite_increment"));
    for negative in [-1.0, -0.001, f64::MIN, f64::NEG_INFINITY] {
        counter.inc_by(negative);
    }
    for not_finite in [f64::NAN, -f64::NAN, f64::INFINITY] {
        counter.inc_by(not_finite);
    }
    let after = (dropped("negative_increment"), dropped("non_finite_increment"));
    assert_eq!(counter.get(), 2.5);
    assert_eq!((after.0 - before.0, after.1 - before.1), (4.0, 3.0));
    Ok(())
}

#[test]
fn the_errors_of_a_closure_are_counted_and_handed_on() -> TestResult {
    let counter = Counter::builder("errors_total", "Errors.").unregistered().build()?;
    assert_eq!(counter.count_errors(|| "7".parse::<u8>())?, 7);
    assert_eq!(counter.get(), 0.0);
    assert!(counter.count_errors(|| "x".parse::<u8>()).is_err());
    assert_eq!(counter.get(), 1.0);
    Ok(())
}

#[test]
fn only_the_errors_that_match_are_counted() -> TestResult {
    let counter = Counter::builder("timeouts_total", "Timeouts.").unregistered().build()?;
    for kind in [io::ErrorKind::TimedOut, io::ErrorKind::NotFound, io::ErrorKind::TimedOut] {
        let timed_out = |error: &io::Error| matches!(error.kind(), io::ErrorKind::TimedOut);
        let result = counter.count_errors_if(|| Err::<(), _>(io::Error::from(kind)), timed_out);
        assert_eq!(result.map_err(|error| error.kind()), Err(kind));
    }
    assert_eq!(counter.get(), 2.0);
    Ok(())
}

#[test]
fn a_panic_in_a_closure_whose_errors_are_counted_passes_through() -> TestResult {
    let counter = Counter::builder("panics_total", "Panics.").unregistered().build()?;
    let work = || counter.count_errors::<(), ()>(|| panic!("on purpose"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
    assert_eq!(counter.get(), 0.0);
    Ok(())
}

#[test]
fn a_gauge_goes_up_and_down_and_is_set() -> TestResult {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("level", "Level.").registry(&registry).build()?;
    assert_eq!(text_of(&registry, "level")?, "0");
    gauge.inc();
    gauge.inc_by(2.5);
    gauge.dec();
    gauge.dec_by(4.0);
    assert_eq!(gauge.get(), -1.5);
    gauge.inc_by(-1.0);
    gauge.dec_by(-0.5);
    assert_eq!(text_of(&registry, "level")?, "-2");
    gauge.set(1e-9);
    assert_eq!(text_of(&registry, "level")?.parse(), Ok(1e-9));
    Ok(())
}

#[test]
fn a_gauge_can_be_infinite_or_nan_and_recovers_when_set() -> TestResult {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("odd", "Odd.").registry(&registry).build()?;
    for (value, text) in [(f64::INFINITY, "+Inf"), (f64::NEG_INFINITY, "-Inf"), (f64::NAN, "NaN"), (3.0, "3")] {
        gauge.set(value);
        assert_eq!(text_of(&registry, "odd")?, text);
    }
    Ok(())
}

#[test]
fn an_unset_gauge_is_hidden_where_zero_is_no_value() -> TestResult {
    use GaugeMode::{LiveMax, LiveMin, LiveMostRecent, LiveSum, MostRecent, PerProcess, Shared};
    let registry = CollectorRegistry::new();
    for (mode, starts_at_zero) in [
        (Shared, true),
        (LiveSum, true),
        (LiveMin, false),
        (LiveMax, false),
        (MostRecent, false),
        (LiveMostRecent, false),
        (PerProcess, false),
    ] {
        let name = format!("depth_{mode:?}").to_lowercase();
        let shown = || registry.sample_value(&name, &[]);
        let gauge = Gauge::builder(name.as_str(), "Depth.").mode(mode).registry(&registry).build()?;
        let unset = starts_at_zero.then_some(0.0);
        assert_eq!((shown(), gauge.get()), (unset, 0.0), "{mode:?}");
        let has_text = generate_metrics_from(&registry)?.contains(&name);
        assert_eq!(has_text, starts_at_zero, "neither HELP nor TYPE of a gauge without a sample: {mode:?}");
        gauge.inc_by(0);
        assert_eq!(shown(), Some(0.0), "{mode:?} was added to");

        let name = format!("jobs_{mode:?}").to_lowercase();
        let shown = |queue| registry.sample_value(&name, &[("queue", queue)]);
        let jobs =
            Gauge::builder(name.as_str(), "Jobs.").label_names(["queue"]).mode(mode).registry(&registry).build()?;
        let [a, b] = ["a", "b"].map(|queue| jobs.labels([("queue", queue)]));
        let (a, b) = (a?, b?);
        assert_eq!([shown("a"), shown("b")], [unset; 2], "{mode:?}");
        a.set(0);
        assert_eq!([shown("a"), shown("b")], [Some(0.0), unset], "{mode:?}");
        {
            let _work = b.track_inprogress();
            assert_eq!(shown("b"), Some(1.0), "{mode:?}");
        }
        assert_eq!(shown("b"), Some(0.0), "work is over, which is a value: {mode:?}");
        jobs.clear();
        b.set_function(|| 4.0);
        let a = jobs.labels([("queue", "a")])?;
        assert_eq!([shown("a"), shown("b")], [unset, Some(4.0)], "{mode:?} was cleared, and is read by a closure");
        drop(a);
    }
    Ok(())
}

#[test]
fn a_gauge_is_set_to_the_time_of_day() -> TestResult {
    let gauge = Gauge::builder("last_run_seconds", "Last run.").unregistered().build()?;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs_f64());
    let before = now()?;
    gauge.set_to_current_time();
    assert!((before..=now()?).contains(&gauge.get()));
    Ok(())
}

#[test]
fn a_gauge_reads_a_closure_at_each_scrape() -> TestResult {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("queue", "Queue.").registry(&registry).build()?;
    gauge.set(100.0);
    let calls = std::sync::atomic::AtomicU32::new(0);
    gauge.set_function(move || f64::from(calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
    assert_eq!(text_of(&registry, "queue")?, "0");
    assert_eq!(text_of(&registry, "queue")?, "1");
    assert_eq!(gauge.get(), 2.0);
    Ok(())
}

#[test]
fn a_closure_that_panics_costs_its_own_series_only() -> TestResult {
    let registry = CollectorRegistry::new();
    let queues = Gauge::builder("queues", "Queues.").label_names(["name"]).registry(&registry).build()?;
    queues.labels([("name", "bad")])?.set_function(|| panic!("on purpose"));
    queues.labels([("name", "good")])?.set_function(|| 7.0);
    for _ in 0..2 {
        let text = generate_metrics_from(&registry)?;
        assert_eq!(text, "# HELP queues Queues.\n# TYPE queues gauge\nqueues{name=\"good\"} 7\n");
    }
    assert!(queues.labels([("name", "bad")])?.get().is_nan());
    Ok(())
}

#[test]
fn a_closure_may_count_and_scrape_itself() -> TestResult {
    let registry: &'static CollectorRegistry = Box::leak(Box::default());
    let reads = Counter::builder("reads_total", "Reads.").registry(registry).build()?;
    let sizes = Gauge::builder("sizes", "Sizes.").label_names(["of"]).registry(registry).build()?;
    let (own, counted) = (sizes.clone(), reads.clone());
    sizes.labels([("of", "a")])?.set_function(move || {
        counted.inc();
        own.labels([("of", "b")]).map_or(f64::NAN, |other| {
            other.inc();
            other.get()
        })
    });
    registry.collect()?;
    registry.collect()?;
    assert_eq!(reads.get(), 2.0);
    assert_eq!(registry.sample_value("sizes", &[("of", "b")]), Some(3.0));
    Ok(())
}

#[test]
fn a_closure_may_read_other_metrics_but_not_its_own() -> TestResult {
    let registry: &'static CollectorRegistry = Box::leak(Box::default());
    let gauge = |name| Gauge::builder(name, "G.").registry(registry).build();
    let (hits, lookups) = (gauge("hits")?, gauge("lookups")?);
    hits.set(3.0);
    lookups.set(4.0);
    let (ratio, percent) = (gauge("ratio")?, gauge("percent")?);
    ratio.set_function(move || hits.get() / registry.sample_value("lookups", &[]).unwrap_or(f64::NAN));
    let of = ratio.clone();
    percent.set_function(move || of.get() * 100.0);
    // By itself, through another, and through a scrape: what stands in for the answer is no value.
    let selfish = gauge("selfish")?;
    let own = selfish.clone();
    selfish.set_function(move || own.get().max(1.0));
    let (ring, back) = (gauge("ring")?, gauge("ring_back")?);
    let (of_ring, of_back) = (ring.clone(), back.clone());
    ring.set_function(move || of_back.get().max(1.0));
    back.set_function(move || of_ring.get().max(1.0));
    let scraping = gauge("scraping")?;
    scraping.set_function(move || generate_metrics_from(registry).map_or(0.0, |text| text.len() as f64));
    for _ in 0..2 {
        let values: Vec<_> =
            registry.collect()?.iter().map(|family| (family.name().to_owned(), family.samples().len())).collect();
        let expected = [("hits", 1), ("lookups", 1), ("percent", 1), ("ratio", 1), ("ring", 0), ("ring_back", 0)];
        let expected = expected.into_iter().chain([("scraping", 0), ("selfish", 0)]);
        assert_eq!(values, expected.map(|(name, samples)| (name.to_owned(), samples)).collect::<Vec<_>>());
    }
    assert_eq!(text_of(registry, "ratio")?, "0.75");
    assert_eq!(text_of(registry, "percent")?, "75");
    // Read in the program, not by a scrape: the same.
    for none in [&selfish, &ring, &back] {
        assert!(none.get().is_nan(), "{none:?}");
    }
    assert!(scraping.get().is_nan(), "a scrape that lacks its own value is no whole one");
    Ok(())
}

#[test]
fn handles_of_one_series_share_its_number() -> TestResult {
    let counter = Counter::builder("shared_total", "Shared.").unregistered().build()?;
    let (clone, child) = (counter.clone(), counter.to_series());
    counter.inc();
    clone.inc();
    child.inc();
    assert_eq!((counter.get(), clone.get(), child.get()), (3.0, 3.0, 3.0));
    Ok(())
}

#[test]
fn amounts_of_every_type_are_counted() -> TestResult {
    let counter = Counter::builder("c_total", "C.").unregistered().build()?;
    counter.inc_by(1);
    counter.inc_by(2_u64);
    counter.inc_by(b"abc".len());
    counter.inc_by(0.5_f32);
    counter.inc_by(i128::from(4_u8));
    assert_eq!(counter.get(), 10.5);

    let registry = CollectorRegistry::new();
    let exact = Counter::builder("exact_total", "E.").registry(&registry).build()?;
    exact.inc_by(9_007_199_254_740_993_u64); // 2^53 + 1, which no f64 is
    exact.inc_by(-1_i32); // refused
    assert_eq!(text_of(&registry, "exact_total")?, "9007199254740993");
    exact.inc_by(u128::MAX); // beyond 2^64, so as a float
    assert!(exact.get() > 1e38);

    let gauge = Gauge::builder("g", "G.").unregistered().build()?;
    gauge.set(7_u8);
    gauge.inc_by(3_i64);
    gauge.dec_by(-2_i16);
    assert_eq!(gauge.get(), 12.0);
    let histogram = Histogram::builder("h", "H.").buckets([1.0]).unregistered().build()?;
    histogram.observe(3_usize);
    assert_eq!(histogram.sum(), 3.0);
    Ok(())
}
