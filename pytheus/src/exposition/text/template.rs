//! The lines of one part of all series of a family; their common text is rendered once.

use crate::model::descriptor::Kind;
use crate::model::escape;
use crate::model::number;
use crate::model::snapshot::Number;

/// The line of a part without a label of its own.
pub(super) struct LineTemplate {
    /// The end of the previous line, the name and the constant labels.
    open: String,
    /// The same for a series without labels.
    bare: String,
}

impl LineTemplate {
    /// Makes a line from a sample name and rendered constant labels.
    pub(super) fn new(name: &str, suffix: &str, constant: &str) -> Self {
        Self { open: open(name, suffix, constant), bare: bare(name, suffix, constant) }
    }

    /// Writes the line of a series with these labels.
    #[inline]
    pub(super) fn write(&self, out: &mut String, labels: &str, number: Number) {
        if labels.is_empty() {
            out.push_str(&self.bare);
        } else {
            out.push_str(&self.open);
            out.push_str(labels);
            out.push_str("} ");
        }
        push_number(out, number);
    }
}

/// The lines of parts that differ in one label of their own.
pub(super) struct PartTemplates {
    /// The start, as in [`LineTemplate`].
    open: String,
    parts: Vec<PartTemplate>,
    /// The start of all lines of the current series.
    start: String,
}

struct PartTemplate {
    /// The label, and the end of the labels.
    close: String,
    /// The whole line up to its number, for a series without labels.
    bare: String,
}

impl PartTemplates {
    /// Makes a line per value of this label.
    pub(super) fn new<V: AsRef<str>>(
        name: &str,
        suffix: &str,
        constant: &str,
        label: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let part = |value: V| {
            let mut own = String::new();
            escape::labels(&mut own, [(label, value.as_ref())]);
            PartTemplate {
                close: format!("{}{own}}} ", comma(&own)),
                bare: bare(name, suffix, &joined(constant, &own)),
            }
        };
        let parts = values.into_iter().map(part).collect();
        Self { open: open(name, suffix, constant), parts, start: String::new() }
    }

    /// Writes the lines of a series with these labels.
    #[inline]
    pub(super) fn write(&mut self, out: &mut String, labels: &str, numbers: impl Iterator<Item = u64>) {
        let Self { open, parts, start } = self;
        if labels.is_empty() {
            for (part, number) in parts.iter().zip(numbers) {
                out.push_str(&part.bare);
                push_count(out, number);
            }
            return;
        }
        start.clear();
        start.push_str(open);
        start.push_str(labels);
        for (part, number) in parts.iter().zip(numbers) {
            out.push_str(start);
            out.push_str(&part.close);
            push_count(out, number);
        }
    }
}

/// Returns the start of a line, up to the labels of a series.
fn open(name: &str, suffix: &str, constant: &str) -> String {
    let comma = comma(constant);
    format!("\n{name}{suffix}{{{constant}{comma}")
}

/// Returns a line up to its number, for a series without further labels.
fn bare(name: &str, suffix: &str, labels: &str) -> String {
    if labels.is_empty() { format!("\n{name}{suffix} ") } else { format!("\n{name}{suffix}{{{labels}}} ") }
}

fn joined(first: &str, second: &str) -> String {
    let comma = if second.is_empty() { "" } else { comma(first) };
    format!("{first}{comma}{second}")
}

/// Returns the text between these labels and further ones.
fn comma(labels: &str) -> &'static str {
    if labels.is_empty() { "" } else { "," }
}

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

#[inline]
pub(super) fn push_number(out: &mut String, number: Number) {
    match number {
        Number::Int(count) => push_count(out, count),
        Number::Float(float) => number::write_float(out, float),
    }
}

#[inline]
fn push_count(out: &mut String, count: u64) {
    match count {
        // Small counts, as in most buckets, need no copy through a buffer.
        #[allow(clippy::cast_possible_truncation, reason = "one digit")]
        0..10 => out.push(char::from(b'0' + count as u8)),
        _ => out.push_str(itoa::Buffer::new().format(count)),
    }
}
