//! The lines of one part of all series of a family: what they have in common, rendered once.

use crate::escape;
use crate::number;
use crate::snapshot::Number;

/// What stands around the labels of a series, up to its number.
pub(super) struct Line {
    /// The end of the line before, the name and the constant labels.
    open: String,
    /// The label of the part.
    close: String,
    /// All of that, for a series without labels.
    bare: String,
}

impl Line {
    /// Of a sample name, constant labels as they are exposed, and the label that the part brings.
    pub(super) fn new(name: &str, suffix: &str, constant: &str, own: Option<(&str, &str)>) -> Self {
        let mut label = String::new();
        escape::labels(&mut label, own);
        let comma = |needed: bool| if needed { "," } else { "" };
        let (before, after) = (comma(!constant.is_empty()), comma(!label.is_empty()));
        let (open_brace, close_brace, between) = match (constant, &*label) {
            ("", "") => ("", "", ""),
            ("", _) | (_, "") => ("{", "}", ""),
            _ => ("{", "}", ","),
        };
        Self {
            open: format!("\n{name}{suffix}{{{constant}{before}"),
            close: format!("{after}{label}}} "),
            bare: format!("\n{name}{suffix}{open_brace}{constant}{between}{label}{close_brace} "),
        }
    }

    /// Writes the line of a series with these labels.
    #[inline]
    pub(super) fn write(&self, out: &mut String, labels: &str, number: Number) {
        if labels.is_empty() {
            out.push_str(&self.bare);
        } else {
            out.push_str(&self.open);
            out.push_str(labels);
            out.push_str(&self.close);
        }
        push_number(out, number);
    }
}

/// The lines of parts that differ in the label that they bring alone.
pub(super) struct Lines {
    lines: Vec<Line>,
    /// What the lines of the series at hand begin with.
    start: String,
}

impl Lines {
    /// One for each of these labels.
    pub(super) fn new<V: AsRef<str>>(
        name: &str,
        suffix: &str,
        constant: &str,
        label: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let line = |value: V| Line::new(name, suffix, constant, Some((label, value.as_ref())));
        Self { lines: values.into_iter().map(line).collect(), start: String::new() }
    }

    /// Writes the lines of a series with these labels.
    #[inline]
    pub(super) fn write(&mut self, out: &mut String, labels: &str, numbers: impl Iterator<Item = u64>) {
        let Self { lines, start } = self;
        if let (Some(first), false) = (lines.first(), labels.is_empty()) {
            start.clear();
            start.push_str(&first.open);
            start.push_str(labels);
        }
        for (line, number) in lines.iter().zip(numbers) {
            if labels.is_empty() {
                out.push_str(&line.bare);
            } else {
                out.push_str(start);
                out.push_str(&line.close);
            }
            push_count(out, number);
        }
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
    out.push_str(itoa::Buffer::new().format(count));
}
