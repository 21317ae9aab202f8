//! Aggregation of the values of gauges over several processes.

use serde_json::json;

use crate::conformance::checks::processes::until_end_is_known;
use crate::conformance::samples::{Fault, ensure};
use crate::conformance::wire::{Check, Harness, Process};

pub(super) const CHECKS: &[Check] = &[
    ("each mode of gauges combines processes as it says", gauges),
    ("a gauge that nobody has set shows nothing where 0 is no value", unset),
    ("NaN and infinities combine in one way whichever process has them", special_values),
    ("a process keeps its label `pid` whatever others do", labels),
    ("the last set of a shared gauge holds and what is added adds up", shared_gauge),
    ("work in progress adds up over the living", in_progress),
];

/// Modes in which an unset gauge has no value.
const WITHOUT_ZERO: [&str; 5] = ["live_min", "live_max", "most_recent", "live_most_recent", "per_process"];

fn gauges(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other, mut third) = (harness.process()?, harness.process()?, harness.process()?);
    for mode in ["live_sum"].into_iter().chain(WITHOUT_ZERO) {
        one.gauge(mode, "set", 5.0)?;
        other.gauge(mode, "set", -2.0)?;
        // A process with an untouched gauge contributes nothing.
        third.scrape()?;
    }
    one.flush()?;
    other.flush()?;
    let samples = one.scrape()?;
    if !harness.is_shared()? {
        for mode in ["live_sum", "live_min", "live_max", "most_recent", "live_most_recent"] {
            samples.is(&format!("gauge_{mode}{{l=\"x\"}}"), 5)?;
        }
        let own: Vec<_> = samples.of_family("gauge_per_process").collect();
        return ensure(own.len() == 1 && own[0].1 == "5", || format!("one process shows {own:?}"));
    }
    let expected = [("live_sum", 3), ("live_min", -2), ("live_max", 5), ("most_recent", -2), ("live_most_recent", -2)];
    for (mode, value) in expected {
        samples.is(&format!("gauge_{mode}{{l=\"x\"}}"), value)?;
    }
    let mut own: Vec<_> = samples.of_family("gauge_per_process{").map(|(_, value)| value).collect();
    own.sort_unstable();
    ensure(own == ["-2", "5"], || format!("two processes have these values of their own: {own:?}"))?;
    // A value leaves with its process, except in the mode `most_recent`.
    other.kill()?;
    until_end_is_known(harness, &mut one, |samples| {
        for mode in ["live_sum", "live_min", "live_max", "live_most_recent"] {
            samples.is(&format!("gauge_{mode}{{l=\"x\"}}"), 5)?;
        }
        let own = samples.of_family("gauge_per_process{").count();
        ensure(own == 1, || format!("one living process shows {own} series"))?;
        samples.is("gauge_most_recent{l=\"x\"}", -2)
    })?;
    // The value survives all processes, and a run without a `set`.
    one.exit()?;
    let mut last = harness.process()?;
    last.ask(json!(["touch", "most_recent"]))?;
    last.scrape()?.is("gauge_most_recent{l=\"x\"}", -2)?;
    last.gauge("most_recent", "set", 7.0)?;
    last.flush()?;
    last.scrape()?.is("gauge_most_recent{l=\"x\"}", 7)?;
    third.scrape()?.is("gauge_most_recent{l=\"x\"}", 7)?;
    last.ask(json!(["remove gauge", "most_recent"]))?;
    ensure(last.scrape()?.of_family("gauge_most_recent").count() == 0, || "a removed value is there".to_owned())
}

fn unset(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    for process in [&mut one, &mut other] {
        for mode in WITHOUT_ZERO {
            process.ask(json!(["touch", mode]))?;
        }
        process.flush()?;
    }
    for process in [&mut one, &mut other] {
        let samples = process.scrape()?;
        for mode in WITHOUT_ZERO {
            let names = [format!("gauge_{mode}{{"), format!("lone_{mode}")];
            let shown: Vec<_> = names.iter().flat_map(|name| samples.of_family(name)).collect();
            ensure(shown.is_empty(), || format!("nobody has set {shown:?}"))?;
        }
    }
    let ways = ["set", "inc"].into_iter().flat_map(|how| WITHOUT_ZERO.map(|mode| (how, mode)));
    for (how, mode) in ways {
        one.gauge(mode, how, 0.0)?;
        let shown = one.scrape()?.of_family(&format!("gauge_{mode}{{")).count();
        ensure(shown == 1, || format!("after `{how}` to 0 by one process, {shown} series show ({mode})"))?;
        one.ask(json!(["remove gauge", mode]))?;
        one.ask(json!(["touch", mode]))?;
        let shown = one.scrape()?.of_family(&format!("gauge_{mode}{{")).count();
        ensure(shown == 0, || format!("a gauge that was removed and not set again shows ({mode})"))?;
    }
    // A value read by a closure has its process label from the first scrape on.
    one.ask(json!(["read lone", "per_process"]))?;
    let samples = one.scrape()?;
    let shown: Vec<_> = samples.of_family("lone_per_process").collect();
    let name = if harness.is_shared()? { "lone_per_process{pid=" } else { "lone_per_process" };
    let is_right = shown.len() == 1 && shown[0].0.starts_with(name) && shown[0].1 == "4";
    ensure(is_right, || format!("a closure that says 4 is shown as {shown:?}"))
}

fn special_values(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    let modes = ["live_sum", "live_min", "live_max", "most_recent"];
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    // The later `set` is the other process'.
    let cases = [
        ([3.0, nan], ["NaN", "3", "3", "NaN"]),
        ([nan, 3.0], ["NaN", "3", "3", "3"]),
        ([nan, nan], ["NaN", "NaN", "NaN", "NaN"]),
        ([infinite, -infinite], ["NaN", "-Inf", "+Inf", "-Inf"]),
        ([infinite, 1.0], ["+Inf", "1", "+Inf", "1"]),
        ([-0.0, 0.0], ["0", "0", "0", "0"]),
    ];
    for (values, expected) in cases {
        for (mode, expected) in modes.into_iter().zip(expected) {
            one.gauge(mode, "set", values[0])?;
            one.flush()?;
            other.gauge(mode, "set", values[1])?;
            other.flush()?;
            if harness.is_shared()? {
                for process in [&mut one, &mut other] {
                    process.scrape()?.is(&format!("gauge_{mode}{{l=\"x\"}}"), expected)?;
                }
            }
        }
    }
    // The additions make it NaN.
    other.gauge("live_max", "set", nan)?;
    other.flush()?;
    for (how, value, expected) in [("set", 1.0, "1"), ("inc", infinite, "+Inf"), ("inc", -infinite, "NaN")] {
        one.gauge("live_max", how, value)?;
        one.flush()?;
        for process in [&mut one, &mut other] {
            if harness.is_shared()? {
                process.scrape()?.is("gauge_live_max{l=\"x\"}", expected)?;
            }
        }
    }
    Ok(())
}

fn labels(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.gauge("per_process", "set", 1.0)?;
    let name_of = |process: &mut Process<'_>, value: &str| {
        let samples = process.scrape()?;
        let mut own = samples.of_family("gauge_per_process{").filter(|(_, shown)| *shown == value);
        own.next().map(|(name, _)| name.to_owned()).ok_or_else(|| Fault::from("its value does not show"))
    };
    let before = name_of(&mut one, "1")?;
    other.gauge("per_process", "set", 2.0)?;
    other.flush()?;
    let meanwhile = name_of(&mut one, "1")?;
    other.exit()?;
    let after = name_of(&mut one, "1")?;
    ensure(before == meanwhile && before == after, || format!("{before} became {meanwhile}, then {after}"))
}

fn shared_gauge(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    if !harness.is_shared()? {
        one.gauge("shared", "set", 5.0)?;
        one.gauge("shared", "inc", -1.5)?;
        other.gauge("shared", "set", 9.0)?;
        return one.scrape()?.is("gauge_shared{l=\"x\"}", 3.5);
    }
    let steps = [(0, "inc", 2.0, 2.0), (1, "inc", 3.0, 5.0), (0, "set", 10.0, 10.0), (1, "inc", -4.0, 6.0)];
    let more = [(1, "set", 1.0, 1.0), (0, "inc", 0.5, 1.5), (0, "set", 1.5, 1.5), (1, "inc", 1.0, 2.5)];
    for (who, how, amount, total) in steps.into_iter().chain(more) {
        let process = if who == 0 { &mut one } else { &mut other };
        process.gauge("shared", how, amount)?;
        process.flush()?;
        one.scrape()?.is("gauge_shared{l=\"x\"}", total)?;
        other.scrape()?.is("gauge_shared{l=\"x\"}", total)?;
    }
    // The value stays after its setter has ended.
    other.kill()?;
    one.scrape()?.is("gauge_shared{l=\"x\"}", 2.5)
}

fn in_progress(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.ask(json!(["hold"]))?;
    for _ in 0..2 {
        other.ask(json!(["hold"]))?;
    }
    other.flush()?;
    one.scrape()?.is("gauge_live_sum{l=\"x\"}", harness.total(1.0, 2.0)?)?;
    other.ask(json!(["release"]))?;
    other.flush()?;
    one.scrape()?.is("gauge_live_sum{l=\"x\"}", harness.total(1.0, 1.0)?)?;
    other.kill()?;
    until_end_is_known(harness, &mut one, |samples| samples.is("gauge_live_sum{l=\"x\"}", 1))
}
