//! Accumulates one part of a series, exactly.

use std::ops::{AddAssign, SubAssign};

use crate::model::descriptor::Kind;
use crate::model::number::Number;
use crate::storage::ExactSum;

/// The whole numbers and the fractions that were added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ExactAmount {
    /// Wraps at 2^64.
    pub(crate) whole: u64,
    pub(crate) float: ExactSum,
}

impl ExactAmount {
    /// Returns the amount of a whole number.
    pub(crate) fn whole(whole: u64) -> Self {
        Self { whole, float: ExactSum::ZERO }
    }

    /// Returns the amount of a float.
    pub(crate) fn float(float: f64) -> Self {
        Self { whole: 0, float: ExactSum::new(float, 0.0) }
    }

    /// Says whether nothing was added.
    pub(crate) fn is_zero(&self) -> bool {
        self.whole == 0 && self.float == ExactSum::ZERO
    }

    /// Returns the number: whole unless a fraction was added.
    pub(crate) fn number(&self) -> Number {
        if self.float == ExactSum::ZERO { Number::Int(self.whole) } else { self.number_float() }
    }

    /// Returns the number of a part that is always a float.
    pub(crate) fn number_float(&self) -> Number {
        let mut sum = self.float;
        sum += self.whole as f64;
        Number::Float(sum.value())
    }
}

impl ExactAmount {
    /// Returns the parts of a series of this kind.
    pub(crate) fn numbers(kind: Kind, amounts: &[Self]) -> impl Iterator<Item = Number> {
        let sum = amounts.len().wrapping_sub(1);
        amounts.iter().enumerate().map(move |(part, amount)| match kind {
            Kind::Counter => amount.number(),
            Kind::Gauge => amount.number_float(),
            Kind::Histogram | Kind::Summary if part == sum => amount.number_float(),
            // An info metric has the value 1.
            Kind::Info => Number::Int(u64::from(!amount.is_zero())),
            _ => Number::Int(amount.whole),
        })
    }
}

impl AddAssign for ExactAmount {
    fn add_assign(&mut self, other: Self) {
        self.whole = self.whole.wrapping_add(other.whole);
        self.float += other.float;
    }
}

impl SubAssign for ExactAmount {
    fn sub_assign(&mut self, other: Self) {
        self.whole = self.whole.wrapping_sub(other.whole);
        self.float -= other.float;
    }
}
