//! The random id of a file.

use std::fmt;
use std::hash::BuildHasher as _;
use std::time::{Instant, SystemTime};

/// A random id of a file, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(pub(crate) u128);

impl FileId {
    /// Returns a new id.
    pub(crate) fn random() -> Self {
        // A child inherits the random keys of its parent, and process ids are reused: the time tells them apart.
        let half = || {
            let state = std::hash::RandomState::new();
            u128::from(state.hash_one((std::process::id(), SystemTime::now(), Instant::now())))
        };
        Self(half() << 64 | half())
    }

    /// Parses the [text](fmt::Display) of an id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = text.len() == 32 && text.bytes().all(digit);
        is_id.then(|| u128::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for FileId {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
