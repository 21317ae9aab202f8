//! `OpenMetrics` text, version 1.0.0.
//!
//! Source: the [specification](https://github.com/prometheus/docs/blob/main/docs/specs/om/open_metrics_spec.md).

use super::walk::Head;
use crate::model::descriptor::Kind;
use crate::model::escape;
use crate::model::text_out::TextOut;

/// Writes the lines before the samples of a family, the last one without its end.
pub(super) fn header(out: &mut impl TextOut, head: &Head<'_>) {
    let (name, kind) = family(head);
    out.push_all(["# TYPE ", name, " ", kind]);
    // The parser refuses a unit in which the name does not end, and one of facts.
    if let Some(unit) = head.unit.filter(|unit| has_unit(name, unit) && head.kind != Kind::Info) {
        out.push_all(["\n# UNIT ", name, " ", unit]);
    }
    if !head.help.is_empty() {
        out.push_all(["\n# HELP ", name, " "]);
        // Quotes are escaped as in label values.
        escape::label_value(out, head.help);
    }
}

/// Returns the name of the family, without the suffix that its samples have, and the type.
fn family<'a>(head: &Head<'a>) -> (&'a str, &'static str) {
    let name = head.name;
    match head.kind {
        // A counter's sample has to end in `_total`. One that does not is no counter to the format; its name stays.
        Kind::Counter => name.strip_suffix("_total").map_or((name, "unknown"), |name| (name, "counter")),
        Kind::Info => name.strip_suffix("_info").map_or((name, "gauge"), |name| (name, "info")),
        Kind::Gauge => (name, "gauge"),
        Kind::Histogram => (name, "histogram"),
        Kind::Summary => (name, "summary"),
        Kind::StateSet => (name, "stateset"),
    }
}

fn has_unit(name: &str, unit: &str) -> bool {
    name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'))
}
