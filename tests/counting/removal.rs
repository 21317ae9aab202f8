//! What taking out series does, to the output and to handles that are still held.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Counter, Family, Gauge, Histogram, StateSet};
use pytheus::registry::{CollectorRegistry, Registry};

type TestResult = Result<(), Box<dyn Error>>;

fn samples(registry: &CollectorRegistry) -> Result<Vec<String>, Box<dyn Error>> {
    let text = generate_metrics_from(registry)?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

fn jobs(registry: &CollectorRegistry) -> Result<Family<Counter>, Box<dyn Error>> {
    Ok(Counter::builder("jobs_total", "Jobs.").label_names(["queue"]).registry(registry).build()?)
}

#[test]
fn a_removed_series_is_no_longer_shown() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = jobs(&registry)?;
    for queue in ["a", "b"] {
        jobs.labels([("queue", queue)])?.inc();
    }
    assert!(jobs.remove([("queue", "a")])?);
    assert!(!jobs.remove([("queue", "a")])?);
    assert!(!jobs.remove([("queue", "never")])?);
    assert_eq!(samples(&registry)?, ["jobs_total{queue=\"b\"} 1"]);
    Ok(())
}

#[test]
fn an_update_through_a_held_handle_brings_the_series_back_from_zero() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = jobs(&registry)?;
    let held = jobs.labels([("queue", "a")])?;
    held.inc_by(41.0);
    assert!(held.remove());
    assert!(!held.remove());
    assert_eq!(held.get(), 0.0);
    // Reading it brings nothing back.
    assert_eq!(samples(&registry)?.len(), 0);
    held.inc();
    assert_eq!(samples(&registry)?, ["jobs_total{queue=\"a\"} 1"]);
    assert_eq!(held.get(), 1.0);
    Ok(())
}

#[test]
fn an_update_that_is_refused_brings_nothing_back() -> TestResult {
    let registry = CollectorRegistry::new();
    let held = jobs(&registry)?.labels([("queue", "a")])?;
    held.remove();
    held.inc_by(-1.0);
    held.inc_by(f64::NAN);
    assert_eq!(samples(&registry)?.len(), 0);
    Ok(())
}

#[test]
fn old_and_new_handles_of_a_removed_series_count_in_one() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = jobs(&registry)?;
    let old = jobs.labels([("queue", "a")])?;
    let older = old.clone();
    old.inc();
    old.remove();
    let new = jobs.labels([("queue", "a")])?;
    new.inc();
    old.inc();
    older.inc();
    assert_eq!((old.get(), older.get(), new.get()), (3.0, 3.0, 3.0));
    // And again, now that the series is the new one's.
    assert!(old.remove());
    old.inc();
    new.inc();
    assert_eq!(samples(&registry)?, ["jobs_total{queue=\"a\"} 2"]);
    assert!(new.remove());
    assert_eq!(samples(&registry)?.len(), 0);
    Ok(())
}

#[test]
fn a_held_handle_goes_back_to_its_own_series_once_the_limit_has_room_for_it() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = Counter::builder("jobs_total", "Jobs.").label_names(["queue"]).limit(1).registry(&registry).build()?;
    let held = jobs.labels([("queue", "a")])?;
    held.remove();
    jobs.labels([("queue", "b")])?.inc();
    held.inc();
    assert_eq!(samples(&registry)?, ["jobs_total{queue=\"__other__\"} 1", "jobs_total{queue=\"b\"} 1"]);
    jobs.remove([("queue", "b")])?;
    jobs.labels([("queue", "a")])?.inc();
    held.inc();
    assert_eq!(samples(&registry)?, ["jobs_total{queue=\"__other__\"} 1", "jobs_total{queue=\"a\"} 2"]);
    assert_eq!(held.get(), 2.0);
    Ok(())
}

#[test]
fn a_guard_of_a_removed_series_leaves_the_new_series_alone() -> TestResult {
    let registry = CollectorRegistry::new();
    let busy = Gauge::builder("busy", "B.").label_names(["queue"]).registry(&registry).build()?;
    let series = busy.labels([("queue", "a")])?;
    let before = series.track_inprogress();
    busy.clear();
    let after = series.track_inprogress();
    assert_eq!(series.get(), 1.0);
    drop(before);
    assert_eq!(series.get(), 1.0);
    drop(after);
    assert_eq!(samples(&registry)?, ["busy{queue=\"a\"} 0"]);
    Ok(())
}

#[test]
fn every_kind_starts_again_from_zero() -> TestResult {
    let registry = CollectorRegistry::new();
    let gauge = Gauge::builder("gauge", "G.").registry(&registry).build()?;
    let read = Gauge::builder("read", "R.").registry(&registry).build()?;
    let histogram = Histogram::builder("histogram", "H.").buckets([1.0]).registry(&registry).build()?;
    let states = StateSet::builder("states", "S.").states(["a", "b"]).registry(&registry).build()?;
    gauge.set(5.0);
    read.set_function(|| 7.0);
    histogram.observe(0.5);
    states.set("a");
    assert!(gauge.remove() && read.remove() && histogram.remove() && states.remove());
    assert_eq!(samples(&registry)?.len(), 0);
    assert_eq!((gauge.get(), read.get(), histogram.count(), histogram.sum()), (0.0, 0.0, 0, 0.0));
    assert!(!states.is_enabled("a"));
    gauge.inc();
    read.inc();
    histogram.observe(2.0);
    states.enable("b");
    let expected = [
        "gauge 1",
        "histogram_bucket{le=\"1.0\"} 0",
        "histogram_bucket{le=\"+Inf\"} 1",
        "histogram_sum 2",
        "histogram_count 1",
        "read 1",
        "states{states=\"a\"} 0",
        "states{states=\"b\"} 1",
    ];
    assert_eq!(samples(&registry)?, expected);
    Ok(())
}

#[test]
fn clear_takes_out_all_series_and_leaves_handles_usable() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = jobs(&registry)?;
    let held = jobs.labels([("queue", "a")])?;
    held.inc_by(5.0);
    jobs.labels([("queue", "b")])?.inc();
    jobs.clear();
    assert_eq!(samples(&registry)?.len(), 0);
    held.inc();
    assert_eq!(samples(&registry)?, ["jobs_total{queue=\"a\"} 1"]);
    Ok(())
}

#[test]
fn the_series_of_closed_sets_and_defaults_are_at_zero_after_clear() -> TestResult {
    let registry = CollectorRegistry::new();
    let closed = Counter::builder("closed_total", "C.").label_of::<bool>("hit").registry(&registry).build()?;
    let defaults = Counter::builder("default_total", "D.").label_names(["x"]).default_labels([("x", "1")]);
    let defaults = defaults.registry(&registry).build()?;
    let held = closed.labels([("hit", true)])?;
    held.inc_by(3.0);
    defaults.labels([("x", "2")])?.inc();
    defaults.default_series()?.inc();
    closed.clear();
    defaults.clear();
    let zeros = ["closed_total{hit=\"false\"} 0", "closed_total{hit=\"true\"} 0", "default_total{x=\"1\"} 0"];
    assert_eq!(samples(&registry)?, zeros);
    held.inc();
    assert_eq!(registry.sample_value("closed_total", &[("hit", "true")]), Some(1.0));
    // Taking out a single one is taken at its word.
    assert!(closed.remove([("hit", false)])?);
    assert_eq!(registry.sample_value("closed_total", &[("hit", "false")]), None);
    Ok(())
}

#[test]
fn no_scrape_sees_a_cleared_family_without_its_zero_series() -> TestResult {
    let registry = CollectorRegistry::new();
    let closed = Counter::builder("closed_total", "C.").label_of::<bool>("hit").registry(&registry).build()?;
    let done = std::sync::atomic::AtomicBool::new(false);
    let fewest = std::thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut fewest = usize::MAX;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let families = registry.collect().expect("one process can always be scraped");
                fewest = fewest.min(families[0].samples().len());
            }
            fewest
        });
        for _ in 0..2_000 {
            closed.clear();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        scraper.join().expect("the scraper does not panic")
    });
    assert!(fewest >= 2, "a scrape saw {fewest} series");
    Ok(())
}

#[test]
fn retain_removes_the_series_refused_by_the_closure() -> TestResult {
    let registry = CollectorRegistry::new();
    let family = Counter::builder("c_total", "C.").label_names(["b", "a"]).registry(&registry).build()?;
    for (a, b) in [("1", "x"), ("1", "y"), ("2", "x"), ("", "y")] {
        family.labels([("a", a), ("b", b)])?.inc();
    }
    let mut seen = Vec::new();
    family.retain(|labels| {
        seen.push(labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(","));
        assert_eq!(labels.get("c"), None);
        labels.get("a") == Some("1") || labels.get("b") == Some("y")
    });
    seen.sort();
    assert_eq!(seen, ["a=,b=y", "a=1,b=x", "a=1,b=y", "a=2,b=x"]);
    assert_eq!(samples(&registry)?.len(), 3);
    assert_eq!(registry.sample_value("c_total", &[("a", "2"), ("b", "x")]), None);
    Ok(())
}

#[test]
fn the_closure_of_retain_may_use_the_same_family() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = jobs(&registry)?;
    for queue in ["a", "b", "c"] {
        jobs.labels([("queue", queue)])?.inc();
    }
    jobs.retain(|labels| {
        let visited = jobs.labels([("queue", "visited")]).expect("the label is right");
        visited.inc();
        jobs.retain(|_| true);
        assert!(registry.collect().is_ok());
        labels.get("queue") != Some("b")
    });
    assert_eq!(registry.sample_value("jobs_total", &[("queue", "visited")]), Some(3.0));
    assert_eq!(registry.sample_value("jobs_total", &[("queue", "b")]), None);
    Ok(())
}

#[test]
fn a_closure_of_retain_that_panics_leaves_the_family_usable() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = jobs(&registry)?;
    jobs.labels([("queue", "a")])?.inc();
    let panics = std::panic::AssertUnwindSafe(|| jobs.retain(|_| panic!("on purpose")));
    assert!(std::panic::catch_unwind(panics).is_err());
    jobs.labels([("queue", "a")])?.inc();
    assert_eq!(samples(&registry)?, ["jobs_total{queue=\"a\"} 2"]);
    Ok(())
}

/// Counts its drop in the family that it belongs to.
struct CountsItsEnd(Family<Gauge>);

impl Drop for CountsItsEnd {
    fn drop(&mut self) {
        self.0.labels([("queue", "ended")]).expect("the label is right").inc();
    }
}

#[test]
fn a_removed_closure_may_use_the_family_when_dropped() -> TestResult {
    let registry = CollectorRegistry::new();
    let waiting = Gauge::builder("waiting", "W.").label_names(["queue"]).registry(&registry).build()?;
    let read = |queue| {
        let end = CountsItsEnd(waiting.clone());
        waiting.labels([("queue", queue)]).map(|gauge| {
            gauge.set_function(move || {
                let _ = &end;
                1.0
            });
        })
    };
    read("removed")?;
    waiting.remove([("queue", "removed")])?;
    read("replaced")?;
    waiting.labels([("queue", "replaced")])?.set_function(|| 2.0);
    read("cleared")?;
    waiting.clear();
    assert_eq!(registry.sample_value("waiting", &[("queue", "ended")]), Some(1.0), "those before were cleared");
    Ok(())
}

#[test]
fn an_idle_handle_leaks_no_later_series() -> TestResult {
    let registry = CollectorRegistry::new();
    let jobs = jobs(&registry)?;
    let idle = jobs.labels([("queue", "a")])?;
    for _ in 0..200_000 {
        idle.inc();
        jobs.remove([("queue", "a")])?;
    }
    idle.inc();
    assert_eq!(registry.sample_value("jobs_total", &[("queue", "a")]), Some(1.0));
    // A chain of that length would overflow the stack here.
    drop(idle);
    Ok(())
}

#[test]
fn a_handle_that_gave_way_to_the_limit_reads_where_it_counts() -> TestResult {
    let jobs = Counter::builder("jobs_total", "Jobs.").label_names(["queue"]).limit(1).unregistered().build()?;
    let held = jobs.labels([("queue", "a")])?;
    jobs.remove([("queue", "a")])?;
    jobs.labels([("queue", "b")])?.inc();
    held.inc_by(3);
    assert_eq!(held.get(), 3.0);
    assert_eq!(jobs.labels([("queue", "__other__")])?.get(), 3.0);
    Ok(())
}
