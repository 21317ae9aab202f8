//! Prometheus text, version 0.0.4.
//!
//! Source: the [text-based format](https://prometheus.io/docs/instrumenting/exposition_formats/) of Prometheus.

use crate::descriptor::Kind;
use crate::escape;
use crate::number;
use crate::snapshot::{FamilySnapshot, Number, Sample};

/// Appends the families in their order. Those without samples are left out.
pub(super) fn encode(families: &[FamilySnapshot], out: &mut String) {
    for family in families.iter().filter(|family| !family.samples().is_empty()) {
        if !family.help().is_empty() {
            out.extend(["# HELP ", family.name(), " "]);
            escape::help(out, family.help());
            out.push('\n');
        }
        out.extend(["# TYPE ", family.name(), " ", type_name(family.kind()), "\n"]);
        for sample in family.samples() {
            encode_sample(family.name(), sample, out);
        }
    }
}

/// The format has no type of its own for an info metric and a state set.
fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info | Kind::StateSet => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

fn encode_sample(name: &str, sample: &Sample, out: &mut String) {
    out.extend([name, sample.suffix()]);
    let mut before = '{';
    // An empty value is the same as an absent label.
    for (label, value) in sample.labels().filter(|(_, value)| !value.is_empty()) {
        out.push(before);
        out.extend([label, "=\""]);
        escape::label_value(out, value);
        out.push('"');
        before = ',';
    }
    out.push_str(if before == ',' { "} " } else { " " });
    match sample.value() {
        Number::Int(value) => out.push_str(itoa::Buffer::new().format(value)),
        Number::Float(value) => number::write_float(out, value),
    }
    out.push('\n');
}
