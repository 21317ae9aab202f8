//! The header of a family: its help text and its type.

use crate::model::descriptor::Kind;
use crate::model::escape;

/// Writes the lines before the samples of a family. Each line ends with the start of the next one.
pub(super) fn write_header(name: &str, help: &str, kind: Kind, out: &mut String) {
    if !help.is_empty() {
        out.extend(["# HELP ", name, " "]);
        escape::help(out, help);
        out.push('\n');
    }
    out.extend(["# TYPE ", name, " ", type_name(kind)]);
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
