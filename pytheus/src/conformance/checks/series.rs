//! Removed series, and series beyond a limit.

use serde_json::json;

use crate::conformance::samples::{Fault, ensure};
use crate::conformance::wire::{Check, Harness};

pub(super) const CHECKS: &[Check] = &[
    ("a removed series is gone from every process and comes back from zero", remove),
    ("what others count of a removed series later counts from zero", remove_elsewhere),
    ("clear and retain hold in every process", clear_and_retain),
    ("a removal holds when who removed it is gone", remove_and_exit),
    ("a limit holds in each process", limit),
];

fn remove(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.count("jobs_total", "x", 5.0)?;
    one.count("jobs_total", "y", 1.0)?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 5)?;
    ensure(one.ask(json!(["remove", "jobs_total", "x"]))? == true, || "there was a series to remove".to_owned())?;
    let samples = one.scrape()?;
    samples.is_absent("jobs_total{l=\"x\"}")?;
    samples.is("jobs_total{l=\"y\"}", 1)?;
    if harness.is_shared()? {
        other.scrape()?.is_absent("jobs_total{l=\"x\"}")?;
    }
    one.count("jobs_total", "x", 2.0)?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 2)?;
    if harness.is_shared()? {
        other.scrape()?.is("jobs_total{l=\"x\"}", 2)?;
    }
    Ok(())
}

fn remove_elsewhere(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    for process in [&mut one, &mut other] {
        process.count("jobs_total", "x", 5.0)?;
        process.ask(json!(["histogram", "seconds", "x", 1.0]))?;
        process.flush()?;
    }
    one.scrape()?.is("jobs_total{l=\"x\"}", harness.total(5.0, 5.0)?)?;
    one.ask(json!(["remove", "jobs_total", "x"]))?;
    one.scrape()?.is_absent("jobs_total{l=\"x\"}")?;
    if !harness.is_shared()? {
        return other.scrape()?.is("jobs_total{l=\"x\"}", 5);
    }
    // The other process has a handle from before the removal: its updates must not restore the removed total.
    other.count("jobs_total", "y", 1.0)?;
    other.scrape()?.is_absent("jobs_total{l=\"x\"}")?;
    other.count("jobs_total", "x", 1.0)?;
    other.flush()?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 1)?;
    one.scrape()?.is("seconds_count{l=\"x\"}", 2)?;
    other.kill()?;
    one.scrape()?.is("jobs_total{l=\"x\"}", 1)
}

fn clear_and_retain(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    for label in ["x", "y", "z"] {
        one.count("jobs_total", label, 5.0)?;
        one.count("others_total", label, 5.0)?;
    }
    one.flush()?;
    one.ask(json!(["retain", "jobs_total", "y"]))?;
    one.ask(json!(["clear", "others_total"]))?;
    let mut all = vec![one.scrape()?];
    if harness.is_shared()? {
        all.push(other.scrape()?);
    }
    for samples in all {
        let jobs: Vec<_> = samples.of_family("jobs_total").collect();
        ensure(jobs == [("jobs_total{l=\"y\"}", "5")], || {
            format!("one series was retained, and these show: {jobs:?}")
        })?;
        let others = samples.of_family("others_total").count();
        ensure(others == 0, || format!("all series were cleared, and {others} show"))?;
    }
    Ok(())
}

fn remove_and_exit(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.count("jobs_total", "x", 5.0)?;
    one.flush()?;
    one.ask(json!(["remove", "jobs_total", "x"]))?;
    one.exit()?;
    other.scrape()?.is_absent("jobs_total{l=\"x\"}")?;
    harness.process()?.scrape()?.is_absent("jobs_total{l=\"x\"}")
}

fn limit(harness: &Harness) -> Result<(), Fault> {
    let mut process = harness.process()?;
    for label in ["a", "b", "c", "d"] {
        process.ask(json!(["limited", label]))?;
    }
    let samples = process.scrape()?;
    let (series, other) =
        (samples.of_family("limited_total").count(), samples.number("limited_total{l=\"__other__\"}"));
    let all: f64 = samples.of_family("limited_total").filter_map(|(_, value)| value.parse::<f64>().ok()).sum();
    #[allow(clippy::float_cmp, reason = "small whole numbers")]
    ensure(series <= 3 && other >= 1.0 && all == 4.0, || format!("{samples:?}"))
}
