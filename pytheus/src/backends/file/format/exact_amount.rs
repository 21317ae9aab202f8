//! The accumulator of one part of a series.

use std::ops::{AddAssign, SubAssign};

use crate::model::number::Number;
use crate::storage::ExactSum;

/// One part of a series while it is added up: what was counted in whole numbers, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ExactAmount {
    /// Wraps at 2^64.
    pub(crate) whole: u64,
    pub(crate) float: ExactSum,
}

impl ExactAmount {
    /// A whole number.
    pub(crate) fn whole(whole: u64) -> Self {
        Self { whole, float: ExactSum::ZERO }
    }

    /// A float.
    pub(crate) fn float(float: f64) -> Self {
        Self { whole: 0, float: ExactSum::new(float, 0.0) }
    }

    /// Is there nothing?
    pub(crate) fn is_zero(&self) -> bool {
        self.whole == 0 && self.float == ExactSum::ZERO
    }

    /// The number: whole unless something was added that is not.
    pub(crate) fn number(&self) -> Number {
        if self.float == ExactSum::ZERO { Number::Int(self.whole) } else { self.number_float() }
    }

    /// The number of a part that is a float even where it happens to be whole.
    pub(crate) fn number_float(&self) -> Number {
        let mut sum = self.float;
        sum += self.whole as f64;
        Number::Float(sum.value())
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
