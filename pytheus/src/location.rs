//! Where in the source something was declared.

use std::fmt;

/// Where a metric was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    module: &'static str,
    file: &'static str,
    line: u32,
    column: u32,
}

impl Location {
    /// A place in the source.
    #[doc(hidden)]
    pub const fn new(module: &'static str, file: &'static str, line: u32, column: u32) -> Self {
        Self { module, file, line, column }
    }

    /// The caller's place.
    #[track_caller]
    pub(crate) const fn caller() -> Self {
        let place = std::panic::Location::caller();
        Self { module: "", file: place.file(), line: place.line(), column: place.column() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
