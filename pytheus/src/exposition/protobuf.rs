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
    /// The constant labels.
    constant: Vec<u8>,
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

    /// Writes the labels of a series, and one more where there is one.
    #[inline]
    fn labels(&mut self, labels: &SeriesLabels<'_>, own: Option<(&str, &str)>) {
        let metric = &mut self.metric;
        metric.clear();
        metric.extend_from_slice(&self.constant);
        labels.each(|name, value| put_label(metric, name, value));
        if let Some((name, value)) = own {
            put_label(metric, name, value);
        }
    }

    /// Writes a series with these labels, and the message of its value as this field.
    fn metric(&mut self, labels: &SeriesLabels<'_>, field: u32) {
        self.labels(labels, None);
        put_bytes(&mut self.metric, field, &self.value);
        put_bytes(&mut self.family, 4, &self.metric);
        self.has_points = true;
    }

    /// Writes a series with a single number.
    #[inline]
    fn number(&mut self, head: &Head<'_>, labels: &SeriesLabels<'_>, own: Option<(&str, &str)>, number: Number) {
        self.labels(labels, own);
        let field = if head.kind == Kind::Counter { 3 } else { 2 };
        let mut value = [tag(field, BYTES), 9, tag(1, DOUBLE), 0, 0, 0, 0, 0, 0, 0, 0];
        value[3..].copy_from_slice(&double(number.as_f64()));
        put_len(&mut self.family, 4, self.metric.len() + value.len());
        self.family.extend_from_slice(&self.metric);
        self.family.extend_from_slice(&value);
        self.has_points = true;
    }
}

impl Visit for Protobuf {
    fn begin(&mut self, head: &Head<'_>) {
        let family = &mut self.family;
        family.clear();
        self.has_points = false;
        self.constant.clear();
        for (name, value) in head.constant.pairs {
            put_label(&mut self.constant, name, value);
        }
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
                self.metric(labels, 4);
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
                self.metric(labels, 7);
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

/// Returns the tag of a field, one byte: no field here has a number above 15.
#[inline]
const fn tag(field: u32, wire: u32) -> u8 {
    (field << 3 | wire).to_le_bytes()[0]
}

/// Writes a label, unless it is empty, which is the same as an absent one.
#[inline]
fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let len = name.len() + value.len() + 4;
    // Almost all labels have lengths of one byte each.
    if let (0..128, Ok(byte), Ok(name_len), Ok(value_len)) =
        (len, u8::try_from(len), u8::try_from(name.len()), u8::try_from(value.len()))
    {
        out.reserve(len + 2);
        out.extend_from_slice(&[tag(1, BYTES), byte, tag(1, BYTES), name_len]);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&[tag(2, BYTES), value_len]);
        out.extend_from_slice(value.as_bytes());
        return;
    }
    put_len(out, 1, text_len(name) + text_len(value));
    put_text(out, 1, name);
    put_text(out, 2, value);
}

fn put_varint(out: &mut Vec<u8>, field: u32, value: u64) {
    out.push(tag(field, VARINT));
    push_varint(out, value);
}

#[inline]
fn put_double(out: &mut Vec<u8>, field: u32, value: f64) {
    out.push(tag(field, DOUBLE));
    out.extend_from_slice(&double(value));
}

#[inline]
fn double(value: f64) -> [u8; 8] {
    if value.is_nan() { NAN } else { value.to_bits() }.to_le_bytes()
}

/// Begins a message of this length.
#[inline]
fn put_len(out: &mut Vec<u8>, field: u32, len: usize) {
    out.push(tag(field, BYTES));
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
