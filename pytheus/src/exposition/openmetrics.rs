//! `OpenMetrics` text, version 1.0.0.
//!
//! Source: the [specification](https://github.com/prometheus/docs/blob/main/docs/specs/om/open_metrics_spec.md).

use super::walk::Head;
use crate::model::descriptor::Kind;
use crate::model::escape;
use crate::model::text_out::TextOut;

/// The families written so far, sorted by their full names.
#[derive(Default)]
pub(super) struct Written {
    names: String,
    ends: Vec<usize>,
}

impl Written {
    /// Returns whether a family has this name, or would have it without its suffix. Such a family stands among the last
    /// ones, those whose names begin alike.
    fn has(&self, name: &str) -> bool {
        let from_last = (0..self.ends.len()).rev().map(|index| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.names[start..self.ends[index]]
        });
        let mut alike = from_last.map_while(|known| known.strip_prefix(name));
        alike.any(|rest| matches!(rest, "" | "_total" | "_info"))
    }

    fn add(&mut self, name: &str) {
        self.names.push_str(name);
        self.ends.push(self.names.len());
    }
}

/// Writes the lines before the samples of a family, the last one without its end.
pub(super) fn header(out: &mut impl TextOut, head: &Head<'_>, written: &mut Written) {
    let (name, kind) = family(head, written);
    written.add(head.name);
    out.push_all(["# TYPE ", name, " ", kind]);
    // The parser refuses a unit in which the name does not end, and one of facts and states.
    let is_number = !matches!(head.kind, Kind::Info | Kind::StateSet);
    if let Some(unit) = head.unit.filter(|unit| is_number && has_unit(name, unit)) {
        out.push_all(["\n# UNIT ", name, " ", unit]);
    }
    if !head.help.is_empty() {
        out.push_all(["\n# HELP ", name, " "]);
        // Quotes are escaped as in label values.
        escape::label_value(out, head.help);
    }
}

/// Returns the name of the family, without the suffix that its samples have, and the type.
fn family<'a>(head: &Head<'a>, written: &Written) -> (&'a str, &'static str) {
    let name = head.name;
    let (suffix, kind, otherwise) = match head.kind {
        // A counter's sample has to end in `_total`. One that does not is no counter to the format; its name stays.
        Kind::Counter => ("_total", "counter", "unknown"),
        Kind::Info => ("_info", "info", "gauge"),
        Kind::Gauge => return (name, "gauge"),
        Kind::Histogram => return (name, "histogram"),
        Kind::Summary => return (name, "summary"),
        Kind::StateSet => return (name, "stateset"),
    };
    // The gauge `jobs` may stand beside the counter `jobs_total`; two families of one name may not.
    let bare = name.strip_suffix(suffix).filter(|bare| !bare.is_empty() && !written.has(bare));
    bare.map_or((name, otherwise), |bare| (bare, kind))
}

fn has_unit(name: &str, unit: &str) -> bool {
    name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'))
}
