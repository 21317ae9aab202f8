//! What is added up, and which file it comes from.

use std::fmt;
use std::hash::BuildHasher as _;
use std::ops::{AddAssign, SubAssign};
use std::time::{Instant, SystemTime};

use crate::model::number::Number;
use crate::storage::Sum;

/// One part of a series while it is added up: what was counted in whole numbers, and what was not.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Amount {
    /// Wraps at 2^64.
    pub(super) whole: u64,
    pub(super) float: Sum,
}

impl Amount {
    /// A whole number.
    pub(super) fn whole(whole: u64) -> Self {
        Self { whole, float: Sum::ZERO }
    }

    /// A float.
    pub(super) fn float(float: f64) -> Self {
        Self { whole: 0, float: Sum::new(float, 0.0) }
    }

    /// Is there nothing?
    pub(super) fn is_zero(&self) -> bool {
        self.whole == 0 && self.float == Sum::ZERO
    }

    /// The number: whole unless something was added that is not.
    pub(super) fn number(&self) -> Number {
        if self.float == Sum::ZERO { Number::Int(self.whole) } else { self.number_float() }
    }

    /// The number of a part that is a float even where it happens to be whole.
    pub(super) fn number_float(&self) -> Number {
        let mut sum = self.float;
        sum += self.whole as f64;
        Number::Float(sum.value())
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.whole = self.whole.wrapping_add(other.whole);
        self.float += other.float;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.whole = self.whole.wrapping_sub(other.whole);
        self.float -= other.float;
    }
}

/// Tells the file of a process from all others, those that are gone included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId(pub(super) u128);

impl FileId {
    /// One that no other file has.
    pub(super) fn random() -> Self {
        // A child begins with the random keys of its parent, and may have the number of a process that is gone: the time
        // tells them apart.
        let half = || {
            let state = std::hash::RandomState::new();
            u128::from(state.hash_one((std::process::id(), SystemTime::now(), Instant::now())))
        };
        Self(half() << 64 | half())
    }

    /// The id of which this is the [text](fmt::Display).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = text.len() == 32 && text.bytes().all(digit);
        is_id.then(|| u128::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for FileId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
