//! Prometheus protobuf, delimited: each family is a message behind its length.
//!
//! Source: [`metrics.proto`](https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto) and the
//! [encoding of protobuf](https://protobuf.dev/programming-guides/encoding/).

use super::walk::{Head, SeriesLabels, Value, Visit};
use crate::model::descriptor::Kind;
use crate::model::number::Number;

/// The NaN of Prometheus. Others have a meaning of their own: one of them marks a series as stale.
const NAN: u64 = 0x7ff8_0000_0000_0001;

/// Writes families as messages. The buffers stay from family to family.
#[derive(Default)]
pub(super) struct Protobuf {
    pub(super) out: Vec<u8>,
    /// The message of the current family.
    family: Vec<u8>,
    has_points: bool,
    /// The message of a series.
    metric: Vec<u8>,
    /// The message of its value.
    value: Vec<u8>,
}

impl Protobuf {
    /// Appends to these bytes.
    pub(super) fn append_to(out: Vec<u8>) -> Self {
        Self { out, ..Self::default() }
    }

    /// Writes a series: its labels, and one more where there is one, then the value as this field.
    fn metric(&mut self, head: &Head<'_>, labels: &SeriesLabels<'_>, own: Option<(&str, &str)>, field: u32) {
        let Self { metric, value, family, .. } = self;
        metric.clear();
        let mut label = |name: &str, value: &str| {
            // The same as an absent one.
            if !value.is_empty() {
                let len = text_len(name) + text_len(value);
                put_len(metric, 1, len);
                put_text(metric, 1, name);
                put_text(metric, 2, value);
            }
        };
        head.constant.pairs.iter().for_each(|(name, value)| label(name, value));
        labels.each(&mut label);
        if let Some((name, value)) = own {
            label(name, value);
        }
        put_bytes(metric, field, value);
        put_bytes(family, 4, metric);
        self.has_points = true;
    }

    /// Writes a series with a single number.
    fn number(&mut self, head: &Head<'_>, labels: &SeriesLabels<'_>, own: Option<(&str, &str)>, number: Number) {
        self.value.clear();
        put_double(&mut self.value, 1, number.as_f64());
        let field = if head.kind == Kind::Counter { 3 } else { 2 };
        self.metric(head, labels, own, field);
    }
}

impl Visit for Protobuf {
    fn begin(&mut self, head: &Head<'_>) {
        let family = &mut self.family;
        family.clear();
        self.has_points = false;
        put_text(family, 1, head.name);
        if !head.help.is_empty() {
            put_text(family, 2, head.help);
        }
        put_varint(family, 3, kind(head.kind));
        if let Some(unit) = head.unit {
            put_text(family, 5, unit);
        }
    }

    fn point(&mut self, head: &Head<'_>, labels: &SeriesLabels<'_>, value: &Value<'_>) {
        match *value {
            Value::Number(number) => self.number(head, labels, None, number),
            Value::Info => self.number(head, labels, None, Number::Int(1)),
            Value::States(names, flags) => {
                let mut flags = flags.iter();
                names.each(|name| {
                    let flag = flags.next().copied().unwrap_or(Number::Int(0));
                    self.number(head, labels, Some((head.name, name)), flag);
                });
            }
            Value::Summary { count, sum, quantiles } => {
                let message = &mut self.value;
                message.clear();
                put_varint(message, 1, count);
                put_double(message, 2, sum);
                for (quantile, value) in quantiles {
                    put_len(message, 3, 2 * DOUBLE_LEN);
                    put_double(message, 1, *quantile);
                    put_double(message, 2, *value);
                }
                self.metric(head, labels, None, 4);
            }
            Value::Histogram { bounds, counts, sum } => {
                let message = &mut self.value;
                message.clear();
                let total = counts.iter().fold(0_u64, |total, count| total.wrapping_add(count.as_count()));
                put_varint(message, 1, total);
                put_double(message, 2, sum);
                let mut below = 0_u64;
                // The bucket without a bound is the count.
                for (bound, count) in bounds.iter().zip(counts) {
                    below = below.wrapping_add(count.as_count());
                    put_len(message, 3, 1 + varint_len(below) + DOUBLE_LEN);
                    put_varint(message, 1, below);
                    put_double(message, 2, *bound);
                }
                self.metric(head, labels, None, 7);
            }
        }
    }

    fn end(&mut self) {
        if self.has_points {
            push_varint(&mut self.out, self.family.len() as u64);
            self.out.extend_from_slice(&self.family);
        }
    }
}

/// Returns the number of the type. There is none for info metrics and state sets.
fn kind(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 0,
        Kind::Gauge | Kind::Info | Kind::StateSet => 1,
        Kind::Summary => 2,
        Kind::Histogram => 4,
    }
}

/// The length of a double and its tag.
const DOUBLE_LEN: usize = 9;

const VARINT: u32 = 0;
const DOUBLE: u32 = 1;
const BYTES: u32 = 2;

#[inline]
fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

#[inline]
fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

fn varint_len(value: u64) -> usize {
    let bits = (u64::BITS - value.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

#[inline]
fn put_tag(out: &mut Vec<u8>, field: u32, wire: u32) {
    // One byte: no field here has a number above 15.
    out.push(low_byte(u64::from(field << 3 | wire)));
}

fn put_varint(out: &mut Vec<u8>, field: u32, value: u64) {
    put_tag(out, field, VARINT);
    push_varint(out, value);
}

#[inline]
fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
    put_tag(out, field, DOUBLE);
    let bits = if value.is_nan() { NAN } else { value.to_bits() };
    out.extend_from_slice(&bits.to_le_bytes());
}

/// Begins a message of this length.
#[inline]
fn put_len(out: &mut Vec<u8>, field: u32, len: usize) {
    put_tag(out, field, BYTES);
    push_varint(out, len as u64);
}

fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_len(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_text(out: &mut Vec<u8>, field: u32, text: &str) {
    put_bytes(out, field, text.as_bytes());
}

/// Returns the length of a text with its tag and its length.
fn text_len(text: &str) -> usize {
    1 + varint_len(text.len() as u64) + text.len()
}
