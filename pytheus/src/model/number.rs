//! Numbers as they are counted: whole numbers stay whole.

use crate::model::text_out::TextOut;

/// The value of a sample.
///
/// Whole counts are kept as integers, exact to 2^64; everything else is an `f64`.
///
/// ```
/// use pytheus::snapshot::Number;
///
/// assert_eq!(Number::Int(3).as_f64(), 3.0);
/// assert_eq!(Number::from(0.5) + Number::Int(1), Number::Float(1.5));
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A whole count.
    Int(u64),
    /// Any other number, also infinities and NaN.
    Float(f64),
}

impl Number {
    /// Converts the number into Prometheus' form.
    ///
    /// Counts above 2^53 lose their last digits, as they do in Prometheus.
    #[inline]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(n) => n,
        }
    }
}

impl Number {
    /// Converts a count, which is always whole.
    pub(crate) fn as_count(self) -> u64 {
        match self {
            Self::Int(n) => n,
            Self::Float(_) => 0,
        }
    }
}

impl PartialEq for Number {
    /// Compares values, in either form; NaN equals nothing.
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            #[allow(clippy::float_cmp, reason = "equality is what is asked for")]
            (a, b) => a.as_f64() == b.as_f64(),
        }
    }
}

impl std::ops::Add for Number {
    type Output = Self;

    /// Adds exactly for two whole numbers; the sum wraps at 2^64, a reset to Prometheus.
    fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Self::Int(a.wrapping_add(b)),
            (a, b) => Self::Float(a.as_f64() + b.as_f64()),
        }
    }
}

impl From<u64> for Number {
    fn from(n: u64) -> Self {
        Self::Int(n)
    }
}

impl From<f64> for Number {
    fn from(n: f64) -> Self {
        Self::Float(n)
    }
}

/// Returns the canonical text of a bound or a quantile in
/// [OpenMetrics](https://github.com/prometheus/docs/blob/main/docs/specs/om/open_metrics_spec.md#considerations-canonical-numbers):
/// `1.0`, `100000.0`, `1e+06`, `1e-05`, `+Inf`. Prometheus 3 stores no other, so that one text in all formats keeps the names
/// of series.
pub(crate) fn to_canonical_text(number: f64) -> String {
    if !number.is_finite() {
        return to_text(number);
    }
    // As Go's `%g`: with an exponent below -4 and from 6 on.
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let text = format!("{number}");
    if text.contains('.') { text } else { text + ".0" }
}

/// Returns the shortest text that reads back as the same number: `1`, not `1.0`.
pub(crate) fn to_text(number: f64) -> String {
    let mut text = String::new();
    write_float(&mut text, number);
    text
}

/// Appends the text of [`to_text`].
pub(crate) fn write_float(out: &mut impl TextOut, number: f64) {
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(number);
        out.push_str(text.strip_suffix(".0").unwrap_or(text));
    }
}

#[cfg(test)]
mod tests {
    use super::to_canonical_text;

    #[test]
    fn bounds_are_written_as_prometheus_stores_them() {
        let expected = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.005, "0.005"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (100_000.0, "100000.0"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (123_456.7, "123456.7"),
            (1e21, "1e+21"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ];
        for (bound, text) in expected {
            assert_eq!(to_canonical_text(bound), text);
        }
    }
}
