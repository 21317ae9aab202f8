//! Numbers as they are counted: whole numbers stay whole.

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

/// Returns the shortest text that reads back as the same number: `1`, not `1.0`.
pub(crate) fn to_text(number: f64) -> String {
    let mut text = String::new();
    write_float(&mut text, number);
    text
}

/// Appends the text of [`to_text`].
pub(crate) fn write_float(out: &mut String, number: f64) {
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
