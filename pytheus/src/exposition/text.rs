//! Prometheus text, versions 0.0.4 and 1.0.0.
//!
//! Source: the [text-based format](https://prometheus.io/docs/instrumenting/exposition_formats/) of Prometheus.

use super::walk::Head;
use crate::model::descriptor::Kind;
use crate::model::escape;
use crate::model::text_out::TextOut;
use crate::registry::{Content, FamilyView};

/// Writes the lines before the samples of a family, the last one without its end.
pub(super) fn header(out: &mut impl TextOut, head: &Head<'_>) {
    let name = head.name;
    if !head.help.is_empty() {
        out.push_all(["# HELP ", name, " "]);
        escape::help(out, head.help);
        out.push_ascii(b'\n');
    }
    out.push_all(["# TYPE ", name, " ", type_name(head.kind)]);
}

/// Returns the type in the text. The format has none for info metrics and state sets.
fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info | Kind::StateSet => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

/// Estimates the length of a family's text in bytes from the last series in order, without reading its numbers.
pub(super) fn expected_len(family: &FamilyView<'_>) -> usize {
    let Content::Totals(totals, constant, _) = family.content() else { return 0 };
    // A few lines fit into what a buffer grows by.
    if totals.len() < 16 {
        return 0;
    }
    let Some(labels) = totals.last_labels() else { return 0 };
    let name = family.name();
    let (lines, own) = match totals.descriptor().kind() {
        Kind::Counter | Kind::Gauge | Kind::Info => (1, 0),
        Kind::Summary => (2, "_count".len()),
        // The lines of the parts, and `_count`.
        Kind::Histogram => (totals.part_count() + 1, "_bucket,le=\"0.025\"".len()),
        Kind::StateSet => (totals.part_count(), name.len() + ",=\"a state\"".len()),
    };
    // A single series with long labels must not reserve the memory of many.
    let labels = labels.exposed().len().min(256);
    let line = name.len() + constant.len() + labels + own + "\n{,} 1234567".len();
    totals.len().saturating_mul(lines * line)
}
