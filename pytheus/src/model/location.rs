//! Places in the source.

use std::fmt;

/// The place of a declaration, ordered by crate, file and line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    krate: &'static str,
    file: &'static str,
    line: u32,
    column: u32,
}

impl Location {
    /// Makes a place from the path of its module, file, line and column.
    #[doc(hidden)]
    pub const fn new(module: &'static str, file: &'static str, line: u32, column: u32) -> Self {
        Self { krate: crate_of(module), file, line, column }
    }

    /// Returns the file, as given to the compiler.
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// Returns the line, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Returns the caller's place.
    #[track_caller]
    pub(crate) const fn caller() -> Self {
        let place = std::panic::Location::caller();
        Self { krate: "", file: place.file(), line: place.line(), column: place.column() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Returns `a` of `a::b::c`.
const fn crate_of(module: &'static str) -> &'static str {
    let bytes = module.as_bytes();
    let mut end = 0;
    while end < bytes.len() && bytes[end] != b':' {
        end += 1;
    }
    module.split_at(end).0
}
