//! The random id of a file.

use std::fmt;
use std::hash::BuildHasher as _;
use std::time::{Instant, SystemTime};

/// Tells the file of a process from all others, those that are gone included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(pub(crate) u128);

impl FileId {
    /// One that no other file has.
    pub(crate) fn random() -> Self {
        // A child begins with the random keys of its parent, and may have the number of a process that is gone: the time
        // tells them apart.
        let half = || {
            let state = std::hash::RandomState::new();
            u128::from(state.hash_one((std::process::id(), SystemTime::now(), Instant::now())))
        };
        Self(half() << 64 | half())
    }

    /// The id of which this is the [text](fmt::Display).
    pub(crate) fn parse(text: &str) -> Option<Self> {
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
