//! The life of a process in a backend: load, fork, shutdown, kill.

use serde_json::json;

use crate::conformance::checks::processes::{until_end_is_known, wait_for};
use crate::conformance::samples::{Fault, ensure};
use crate::conformance::wire::{Check, Harness};

pub(super) const CHECKS: &[Check] = &[
    ("what was counted before the backend was loaded is carried over", late),
    ("nothing is lost or counted twice when it is loaded while threads count", late_and_busy),
    ("loading again changes nothing and loading another is refused", twice),
    ("what is sent twice counts once", repeated),
    ("what a process has counted stays when it has ended", exit),
    ("a killed process loses no more than the backend says", kill),
    ("a process that is killed while it counts doubles nothing", kill_busy),
    ("a child counts on by itself from zero", fork),
    ("a child lives on when its parent is killed", orphan),
];

fn late(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.unloaded()?, harness.process()?);
    one.count("jobs_total", "x", 5.0)?;
    one.ask(json!(["counter", "fractions_total", "x", 0.5]))?;
    one.ask(json!(["histogram", "seconds", "x", 3.0]))?;
    one.gauge("shared", "set", 2.5)?;
    one.gauge("live_sum", "inc", 1.0)?;
    one.ask(json!(["load"]))?;
    one.count("jobs_total", "x", 1.0)?;
    one.flush()?;
    other.count("jobs_total", "x", 10.0)?;
    other.flush()?;
    let samples = one.scrape()?;
    samples.is("jobs_total{l=\"x\"}", harness.total(6.0, 10.0)?)?;
    samples.is("fractions_total{l=\"x\"}", 0.5)?;
    samples.is("seconds_sum{l=\"x\"}", 3)?;
    samples.is("seconds_bucket{l=\"x\",le=\"4.0\"}", 1)?;
    samples.is("seconds_bucket{l=\"x\",le=\"2.0\"}", 0)?;
    samples.is("gauge_shared{l=\"x\"}", 2.5)?;
    samples.is("gauge_live_sum{l=\"x\"}", 1)?;
    if harness.is_shared()? {
        other.scrape()?.is("jobs_total{l=\"x\"}", 16)?;
    }
    Ok(())
}

fn late_and_busy(harness: &Harness) -> Result<(), Fault> {
    for round in 0..5_u64 {
        let mut process = harness.unloaded()?;
        let before = if harness.is_shared()? { process_total(harness)? } else { 0.0 };
        process.ask(json!(["threads", 4]))?;
        wait_for(&mut process, 1_000 * round)?;
        process.ask(json!(["load"]))?;
        wait_for(&mut process, 1_000 * round + 5_000)?;
        let counted = process.ask(json!(["stop"]))?.as_f64().unwrap_or_default();
        let samples = process.scrape()?;
        samples.is("busy_total{l=\"x\"}", before + counted)?;
        samples.is("busy_seconds_count{l=\"x\"}", before + counted)?;
        samples.is("busy_seconds_sum{l=\"x\"}", (before + counted) * 2.0)?;
        process.exit()?;
    }
    Ok(())
}

/// The counts of other processes, made earlier.
fn process_total(harness: &Harness) -> Result<f64, Fault> {
    Ok(harness.process()?.scrape()?.number("busy_total{l=\"x\"}"))
}

fn twice(harness: &Harness) -> Result<(), Fault> {
    let mut process = harness.process()?;
    process.count("jobs_total", "x", 5.0)?;
    process.ask(json!(["load"]))?;
    let other = process.ask(json!(["load other"]));
    ensure(other.is_err(), || "another backend was loaded over the first".to_owned())?;
    process.count("jobs_total", "x", 1.0)?;
    process.scrape()?.is("jobs_total{l=\"x\"}", 6)
}

fn repeated(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.unloaded()?, harness.process()?);
    one.ask(json!(["load repeating"]))?;
    for total in 1..=5 {
        one.count("jobs_total", "x", 1.0)?;
        one.ask(json!(["histogram", "seconds", "x", 3.0]))?;
        one.gauge("shared", "inc", 2.0)?;
        let samples = one.scrape()?;
        samples.is("jobs_total{l=\"x\"}", total)?;
        samples.is("seconds_sum{l=\"x\"}", total * 3)?;
        samples.is("gauge_shared{l=\"x\"}", total * 2)?;
    }
    one.ask(json!(["remove", "jobs_total", "x"]))?;
    one.scrape()?.is_absent("jobs_total{l=\"x\"}")?;
    one.count("jobs_total", "x", 1.0)?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 1)?;
    other.count("jobs_total", "x", 10.0)?;
    other.flush()?;
    one.scrape()?.is("jobs_total{l=\"x\"}", harness.total(1.0, 10.0)?)
}

fn exit(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.count("jobs_total", "x", 1.0)?;
    for _ in 0..5 {
        let mut short = harness.process()?;
        short.count("jobs_total", "x", 10.0)?;
        short.ask(json!(["histogram", "seconds", "x", 3.0]))?;
        short.gauge("live_sum", "set", 4.0)?;
        short.gauge("shared", "set", 8.0)?;
        short.exit()?;
    }
    let samples = one.scrape()?;
    samples.is("jobs_total{l=\"x\"}", harness.total(1.0, 50.0)?)?;
    if harness.is_shared()? {
        samples.is("seconds_count{l=\"x\"}", 5)?;
        samples.is("seconds_sum{l=\"x\"}", 15)?;
        samples.is("gauge_shared{l=\"x\"}", 8)?;
        let living = samples.number("gauge_live_sum{l=\"x\"}");
        ensure(living.abs() < f64::EPSILON, || format!("nobody lives, and their sum is {living}"))?;
        other.scrape()?.is("jobs_total{l=\"x\"}", 51)?;
        // Later processes see the same.
        harness.process()?.scrape()?.is("jobs_total{l=\"x\"}", 51)?;
    }
    Ok(())
}

fn kill(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    other.count("jobs_total", "x", 10.0)?;
    other.flush()?;
    other.count("jobs_total", "x", 5.0)?;
    other.kill()?;
    let shown = one.scrape()?.number("jobs_total{l=\"x\"}");
    let about = harness.about()?;
    let expected: &[f64] = match (harness.is_shared()?, about.is_sent) {
        (false, _) => &[0.0],
        // The last updates may have been shipped by then.
        (true, true) => &[10.0, 15.0],
        (true, false) => &[15.0],
    };
    ensure(expected.contains(&shown), || format!("{shown} shows where {expected:?} was counted"))
}

fn kill_busy(harness: &Harness) -> Result<(), Fault> {
    let mut watcher = harness.process()?;
    let (mut least, mut most) = (0.0, 0.0);
    for round in 1..=5 {
        let mut process = harness.process()?;
        process.ask(json!(["threads", 2]))?;
        wait_for(&mut process, 2_000 * round)?;
        process.flush()?;
        // At least the flushed updates: an update is acknowledged after it was made.
        let known = process.ask(json!(["tally"]))?.as_f64().unwrap_or_default();
        process.flush()?;
        least += known;
        // Stop it before the kill, so that the number of started updates is known; then kill it in the middle of them.
        let begun = process.ask(json!(["stop"]))?.as_f64().unwrap_or_default();
        most += begun;
        process.kill()?;
        if !harness.is_shared()? {
            continue;
        }
        let samples = watcher.scrape()?;
        let shown = samples.number("busy_total{l=\"x\"}");
        if !harness.about()?.is_sent {
            least = most;
        }
        ensure((least..=most).contains(&shown), || format!("{shown} shows where from {least} to {most} was counted"))?;
        // Updates that were not shipped by then are lost, or arrive later.
        least = shown;
        let (count, sum) = (samples.number("busy_seconds_count{l=\"x\"}"), samples.number("busy_seconds_sum{l=\"x\"}"));
        #[allow(clippy::float_cmp, reason = "each observation was of 2")]
        ensure(sum == count * 2.0, || format!("{count} observations of 2 have the sum {sum}"))?;
    }
    Ok(())
}

fn fork(harness: &Harness) -> Result<(), Fault> {
    let mut parent = harness.process()?;
    parent.count("jobs_total", "x", 5.0)?;
    parent.gauge("live_sum", "set", 2.0)?;
    let mut child = parent.fork()?;
    child.count("jobs_total", "x", 1.0)?;
    child.count("jobs_total", "y", 1.0)?;
    child.gauge("live_sum", "set", 3.0)?;
    child.flush()?;
    parent.count("jobs_total", "x", 10.0)?;
    parent.flush()?;
    if !harness.is_shared()? {
        // The child starts from its parent's values, and counts alone.
        child.scrape()?.is("jobs_total{l=\"x\"}", 6)?;
        return parent.scrape()?.is("jobs_total{l=\"x\"}", 15);
    }
    for process in [&mut parent, &mut child] {
        let samples = process.scrape()?;
        samples.is("jobs_total{l=\"x\"}", 16)?;
        samples.is("jobs_total{l=\"y\"}", 1)?;
        samples.is("gauge_live_sum{l=\"x\"}", 5)?;
    }
    child.exit()?;
    let samples = parent.scrape()?;
    samples.is("jobs_total{l=\"x\"}", 16)?;
    samples.is("gauge_live_sum{l=\"x\"}", 2)
}

fn orphan(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut parent) = (harness.process()?, harness.process()?);
    parent.count("jobs_total", "x", 5.0)?;
    parent.gauge("live_sum", "set", 2.0)?;
    parent.flush()?;
    let mut child = parent.fork()?;
    child.count("jobs_total", "x", 1.0)?;
    child.gauge("live_sum", "set", 3.0)?;
    parent.kill()?;
    child.flush()?;
    if !harness.is_shared()? {
        return child.scrape()?.is("jobs_total{l=\"x\"}", 6);
    }
    for process in [&mut one, &mut child] {
        process.scrape()?.is("jobs_total{l=\"x\"}", 6)?;
        until_end_is_known(harness, process, |samples| samples.is("gauge_live_sum{l=\"x\"}", 3))?;
    }
    child.count("jobs_total", "x", 1.0)?;
    child.flush()?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 7)
}
