//! The lines of the text formats, which differ in the lines before the samples alone.

use super::openmetrics::{self, Written};
use super::text;
use super::walk::{Head, SeriesLabels, StateNames, Value, Visit};
use crate::model::descriptor::Kind;
use crate::model::escape;
use crate::model::number::{self, Number};
use crate::model::text_out::TextOut;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Prometheus text 0.0.4 and 1.0.0, which are the same where all names are of the old sort.
    Prometheus,
    OpenMetrics,
}

/// Writes families as text. What is common to the lines of a family is rendered once; the buffers stay from family to
/// family.
pub(super) struct Lines<O> {
    pub(super) out: O,
    dialect: Dialect,
    /// Where the current family begins.
    family_at: usize,
    has_points: bool,
    /// The lines of a value, of `_sum` and of `_count`.
    plain: LineStart,
    sum: LineStart,
    count: LineStart,
    parts: PartLabels,
    /// The start of all part lines of one series.
    start: String,
    /// The labels of a series whose text is not at hand.
    labels: String,
    /// The families of `OpenMetrics`.
    written: Written,
}

impl<O: TextOut> Lines<O> {
    /// Appends to this text.
    pub(super) fn append_to(out: O, dialect: Dialect) -> Self {
        Self {
            out,
            dialect,
            family_at: 0,
            has_points: false,
            plain: LineStart::default(),
            sum: LineStart::default(),
            count: LineStart::default(),
            parts: PartLabels::default(),
            start: String::new(),
            labels: String::new(),
            written: Written::default(),
        }
    }

    /// Writes whatever stands behind the last family.
    pub(super) fn finish(&mut self) {
        if self.dialect == Dialect::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
    }
}

impl<O: TextOut> Visit for Lines<O> {
    fn begin(&mut self, head: &Head<'_>) {
        (self.family_at, self.has_points) = (self.out.len(), false);
        match self.dialect {
            Dialect::Prometheus => text::header(&mut self.out, head),
            Dialect::OpenMetrics => openmetrics::header(&mut self.out, head, &mut self.written),
        }
        let constant = head.constant.text;
        let suffix = if head.kind == Kind::Histogram { "_bucket" } else { "" };
        self.plain.set(head.name, suffix, constant);
        if matches!(head.kind, Kind::Histogram | Kind::Summary) {
            self.sum.set(head.name, "_sum", constant);
            self.count.set(head.name, "_count", constant);
        }
    }

    #[inline]
    fn point(&mut self, head: &Head<'_>, labels: &SeriesLabels<'_>, value: &Value<'_>) {
        self.has_points = true;
        let labels = labels.text(&mut self.labels);
        let out = &mut self.out;
        match *value {
            Value::Number(number) => self.plain.write(out, labels, number),
            Value::Info => self.plain.write(out, labels, Number::Int(1)),
            Value::Histogram { bounds, counts, sum } => {
                self.parts.set_bounds(bounds);
                self.plain.start_parts(&mut self.start, labels);
                let mut total = 0_u64;
                for (part, count) in self.parts.iter().zip(counts) {
                    total = total.wrapping_add(count.as_count());
                    out.push_str(&self.start);
                    out.push_str(part);
                    push_count(out, total);
                }
                // OpenMetrics allows no sum where values may be negative, and of buckets no count without it.
                let has_sum = bounds.first().is_none_or(|first| *first >= 0.0) && is_counter(sum);
                if self.dialect == Dialect::Prometheus || has_sum {
                    self.sum.write(out, labels, Number::Float(sum));
                    self.count.write(out, labels, Number::Int(total));
                }
            }
            Value::Summary { count, sum, quantiles } => {
                if !quantiles.is_empty() {
                    self.parts.set_quantiles(quantiles);
                    self.plain.start_parts(&mut self.start, labels);
                    for (part, (_, value)) in self.parts.iter().zip(quantiles) {
                        out.push_str(&self.start);
                        out.push_str(part);
                        number::write_float(out, *value);
                    }
                }
                if self.dialect == Dialect::Prometheus || is_counter(sum) {
                    self.sum.write(out, labels, Number::Float(sum));
                }
                self.count.write(out, labels, Number::Int(count));
            }
            Value::States(names, flags) => {
                self.parts.set_states(head.name, names);
                self.plain.start_parts(&mut self.start, labels);
                for (part, flag) in self.parts.iter().zip(flags) {
                    out.push_str(&self.start);
                    out.push_str(part);
                    push_count(out, flag.as_count());
                }
            }
        }
    }

    fn end(&mut self) {
        if self.has_points {
            self.out.push_ascii(b'\n');
        } else {
            // A family without series has no header either.
            self.out.truncate(self.family_at);
        }
    }
}

/// Returns whether a sum may be one in `OpenMetrics`, where it is a counter.
fn is_counter(sum: f64) -> bool {
    sum >= 0.0
}

/// The common start of the lines with one suffix: the end of the line before, the name, the constant labels.
#[derive(Default)]
struct LineStart {
    /// Up to the labels of a series.
    open: String,
    /// Up to the number, for a series without labels.
    bare: String,
}

impl LineStart {
    fn set(&mut self, name: &str, suffix: &str, constant: &str) {
        let Self { open, bare } = self;
        open.clear();
        open.extend(["\n", name, suffix]);
        bare.clone_from(open);
        open.push('{');
        if constant.is_empty() {
            bare.push(' ');
        } else {
            open.extend([constant, ","]);
            bare.extend(["{", constant, "} "]);
        }
    }

    /// Writes the line of a series with these labels.
    #[inline]
    fn write(&self, out: &mut impl TextOut, labels: &str, number: Number) {
        if labels.is_empty() {
            out.push_str(&self.bare);
        } else {
            out.push_str(&self.open);
            out.push_str(labels);
            out.push_str("} ");
        }
        match number {
            Number::Int(count) => push_count(out, count),
            Number::Float(float) => number::write_float(out, float),
        }
    }

    /// Makes the start of the lines of a series that differ in a label of their own.
    #[inline]
    fn start_parts(&self, start: &mut String, labels: &str) {
        start.clear();
        start.push_str(&self.open);
        if !labels.is_empty() {
            start.push_str(labels);
            start.push(',');
        }
    }
}

/// The labels of parts, such as `le`, each up to the number of its line.
#[derive(Default)]
struct PartLabels {
    text: String,
    ends: Vec<usize>,
    /// The bounds that these are of, if they are of bounds: most histograms share theirs.
    bounds: Vec<f64>,
    are_bounds: bool,
}

impl PartLabels {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.text[std::mem::replace(&mut start, *end)..*end])
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.are_bounds = false;
    }

    fn add(&mut self, name: &str, value: &str) {
        escape::labels(&mut self.text, [(name, value)]);
        self.text.push_str("} ");
        self.ends.push(self.text.len());
    }

    fn set_bounds(&mut self, bounds: &[f64]) {
        if self.are_bounds && self.bounds == bounds {
            return;
        }
        self.clear();
        for bound in bounds.iter().copied().chain([f64::INFINITY]) {
            self.add("le", &number::to_canonical_text(bound));
        }
        self.bounds.clear();
        self.bounds.extend_from_slice(bounds);
        self.are_bounds = true;
    }

    fn set_quantiles(&mut self, quantiles: &[(f64, f64)]) {
        self.clear();
        for (quantile, _) in quantiles {
            self.add("quantile", &number::to_canonical_text(*quantile));
        }
    }

    fn set_states(&mut self, family: &str, names: StateNames<'_>) {
        self.clear();
        names.each(|name| self.add(family, name));
    }
}

#[inline]
fn push_count(out: &mut impl TextOut, count: u64) {
    match count {
        // Small counts, as in most buckets, need no copy through a buffer.
        #[allow(clippy::cast_possible_truncation, reason = "one digit")]
        0..10 => out.push_ascii(b'0' + count as u8),
        _ => out.push_str(itoa::Buffer::new().format(count)),
    }
}
