//! Totals of each kind equal what was counted.

use serde_json::json;

use crate::conformance::samples::{Fault, ensure};
use crate::conformance::wire::{Check, Harness};

pub(super) const CHECKS: &[Check] = &[
    ("a counter of whole numbers stays exact", whole_numbers),
    ("a counter of fractions adds up", fractions),
    ("histograms and summaries show what was observed", observations),
    ("a histogram may have five hundred buckets", wide),
    ("label values may be any text", labels),
    ("a gauge may be infinite or not a number", odd_gauges),
    ("what is at zero shows at zero", zeros),
    ("infos and state sets show in every process", facts),
    ("a closure may ask for other metrics, and costs its own alone if it asks for itself", closures),
];

fn whole_numbers(harness: &Harness) -> Result<(), Fault> {
    let mut process = harness.process()?;
    // The first whole number without an `f64`.
    let odd = (1_u64 << 53) + 1;
    process.ask(json!(["counter", "exact_total", "x", odd]))?;
    process.scrape()?.is("exact_total{l=\"x\"}", odd)?;
    process.ask(json!(["counter", "exact_total", "x", 2]))?;
    process.scrape()?.is("exact_total{l=\"x\"}", odd + 2)
}

fn fractions(harness: &Harness) -> Result<(), Fault> {
    let mut process = harness.process()?;
    process.ask(json!(["counter", "exact_total", "x", 3]))?;
    process.scrape()?.is("exact_total{l=\"x\"}", 3)?;
    for total in [3.25, 3.5, 3.75] {
        process.ask(json!(["counter", "exact_total", "x", 0.25]))?;
        process.scrape()?.is("exact_total{l=\"x\"}", total)?;
    }
    Ok(())
}

fn observations(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    for (process, values) in [(&mut one, [0.5, 2.0]), (&mut other, [3.0, 100.0])] {
        for value in values {
            process.ask(json!(["histogram", "seconds", "x", value]))?;
            process.ask(json!(["summary", "x", value]))?;
        }
        process.flush()?;
    }
    let shared = harness.is_shared()?;
    let samples = one.scrape()?;
    let expected = if shared { [1, 2, 3, 4] } else { [1, 2, 2, 2] };
    for (bound, count) in ["1.0", "2.0", "4.0", "+Inf"].iter().zip(expected) {
        samples.is(&format!("seconds_bucket{{l=\"x\",le=\"{bound}\"}}"), count)?;
    }
    let (count, sum) = if shared { (4, 105.5) } else { (2, 2.5) };
    for family in ["seconds", "sizes"] {
        samples.is(&format!("{family}_count{{l=\"x\"}}"), count)?;
        samples.is(&format!("{family}_sum{{l=\"x\"}}"), sum)?;
    }
    Ok(())
}

fn wide(harness: &Harness) -> Result<(), Fault> {
    let mut process = harness.process()?;
    for value in [1.0, 250.0, 500.0, 501.0] {
        process.ask(json!(["histogram", "wide", "x", value]))?;
    }
    let samples = process.scrape()?;
    let buckets = samples.of_family("wide_bucket").count();
    ensure(buckets == 501, || format!("there are {buckets} buckets where there should be 501"))?;
    for (bound, count) in [("1.0", 1), ("249.0", 1), ("250.0", 2), ("499.0", 2), ("500.0", 3), ("+Inf", 4)] {
        samples.is(&format!("wide_bucket{{l=\"x\",le=\"{bound}\"}}"), count)?;
    }
    Ok(())
}

fn labels(harness: &Harness) -> Result<(), Fault> {
    let long = "l".repeat(5_000);
    // As stored, and as exposed.
    let values = [
        ("plain", "plain"),
        ("", ""),
        (" ", " "),
        ("a\"b", "a\\\"b"),
        ("a\\b", "a\\\\b"),
        ("a\nb", "a\\nb"),
        ("a\0b", "a\0b"),
        ("{x=\"y\"}", "{x=\\\"y\\\"}"),
        ("a:b,c;d|e/f", "a:b,c;d|e/f"),
        ("Zürich 東京 🦀", "Zürich 東京 🦀"),
        (&long, &long),
    ];
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    for (value, _) in values {
        one.count("odd_total", value, 1.0)?;
        other.count("odd_total", value, 2.0)?;
    }
    other.flush()?;
    let (samples, total) = (one.scrape()?, harness.total(1.0, 2.0)?);
    for (_, exposed) in values {
        let name = if exposed.is_empty() { "odd_total".to_owned() } else { format!("odd_total{{l=\"{exposed}\"}}") };
        samples.is(&name, total)?;
    }
    let series = samples.of_family("odd_total").count();
    ensure(series == values.len(), || format!("there are {series} series where there should be {}", values.len()))
}

fn odd_gauges(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    let shared = harness.is_shared()?;
    for (value, exposed) in
        [("inf", "+Inf"), ("-inf", "-Inf"), ("NaN", "NaN"), ("1.5", "1.5"), ("-0.25", "-0.25"), ("-0.0", "0")]
    {
        one.ask(json!(["gauge", "shared", "set", value]))?;
        one.scrape()?.is("gauge_shared{l=\"x\"}", exposed)?;
        if shared {
            other.scrape()?.is("gauge_shared{l=\"x\"}", exposed)?;
        }
    }
    Ok(())
}

fn zeros(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.ask(json!(["counter", "exact_total", "x", 0]))?;
    one.scrape()?.is("exact_total{l=\"x\"}", 0)?;
    if harness.is_shared()? {
        other.scrape()?.is("exact_total{l=\"x\"}", 0)?;
    }
    Ok(())
}

fn facts(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.ask(json!(["info", "1.2.3"]))?;
    one.ask(json!(["state", "running"]))?;
    one.flush()?;
    let mut all = vec![one.scrape()?];
    if harness.is_shared()? {
        all.push(other.scrape()?);
    }
    for samples in all {
        samples.is("build_info{l=\"1.2.3\"}", 1)?;
        samples.is("phase{phase=\"running\"}", 1)?;
        samples.is("phase{phase=\"starting\"}", 0)?;
    }
    Ok(())
}

fn closures(harness: &Harness) -> Result<(), Fault> {
    let (mut one, mut other) = (harness.process()?, harness.process()?);
    one.count("asked_total", "x", 4.0)?;
    other.count("asked_total", "x", 8.0)?;
    other.flush()?;
    one.ask(json!(["closures"]))?;
    let total = harness.total(4.0, 8.0)?;
    for scrape in 1..=2 {
        let samples = one.scrape()?;
        samples.is("asked_total{l=\"x\"}", total)?;
        samples.is("half", total / 2.0)?;
        samples.is("quarter", total / 4.0)?;
        for never_ends in ["selfish", "scraping", "length"] {
            let shown = samples.of_family(never_ends).count();
            ensure(shown == 0, || format!("`{never_ends}` shows a value that nobody can know"))?;
            samples.is(&format!("pytheus_collector_errors_total{{collector=\"{never_ends}\"}}"), scrape)?;
        }
    }
    Ok(())
}
