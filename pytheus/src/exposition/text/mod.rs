//! Prometheus text, version 0.0.4.
//!
//! Source: the [text-based format](https://prometheus.io/docs/instrumenting/exposition_formats/) of Prometheus.

mod template;
mod totals;

use template::{push_number, write_header};

use crate::model::escape;
use crate::model::snapshot::{FamilySnapshot, Sample};
use crate::registry::{Content, FamilyView};

/// Appends a family, unless it has no samples.
///
/// After each series, `on_series` may take the text written so far.
pub(super) fn encode(family: &FamilyView<'_>, out: &mut String, on_series: &mut impl FnMut(&mut String)) {
    match family.content() {
        Content::Totals(totals, constant) => totals::encode(family.name(), constant, totals, out, on_series),
        Content::Samples(snapshot) => samples(snapshot, out, on_series),
    }
}

/// Estimates the length of a family's text in bytes, without writing it.
pub(super) fn expected_len(family: &FamilyView<'_>) -> usize {
    match family.content() {
        Content::Totals(totals, constant) => totals::expected_len(family.name(), constant, totals),
        Content::Samples(_) => 0,
    }
}

fn samples(family: &FamilySnapshot, out: &mut String, on_series: &mut impl FnMut(&mut String)) {
    if family.samples().is_empty() {
        return;
    }
    write_header(family.name(), family.help(), family.kind(), out);
    for sample in family.samples() {
        encode_sample(family.name(), sample, out);
        on_series(out);
    }
    out.push('\n');
}

fn encode_sample(name: &str, sample: &Sample, out: &mut String) {
    out.extend(["\n", name, sample.suffix()]);
    let bare = out.len();
    out.push('{');
    escape::labels(out, sample.labels());
    if out.len() == bare + 1 {
        out.truncate(bare);
    } else {
        out.push('}');
    }
    out.push(' ');
    push_number(out, sample.value());
}
