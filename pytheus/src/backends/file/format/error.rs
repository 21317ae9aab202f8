//! Why a file can't be read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SkipReason {
    /// Its content is impossible.
    Corrupt,
    /// It ends too early.
    Truncated,
    /// Not a file of this crate, or of a machine unlike this one.
    Foreign,
    /// Has the format of a later version.
    NewerVersion,
    /// Has the format of an earlier version.
    OlderVersion,
    /// It can't be read.
    Unreadable,
    /// The user of this process may not read it.
    Denied,
}

impl SkipReason {
    /// Returns the value of a label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Truncated => "truncated",
            Self::Foreign => "foreign",
            Self::NewerVersion => "newer_version",
            Self::OlderVersion => "older_version",
            Self::Unreadable | Self::Denied => "unreadable",
        }
    }
}

/// An error in the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormatError {
    pub(crate) reason: SkipReason,
    pub(crate) what: String,
}

impl FormatError {
    pub(crate) fn new(reason: SkipReason, what: impl Into<String>) -> Self {
        Self { reason, what: what.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::new(SkipReason::Corrupt, what)
    }

    pub(crate) fn truncated(what: impl Into<String>) -> Self {
        Self::new(SkipReason::Truncated, what)
    }

    /// Adds the path of the file.
    pub(crate) fn at(self, path: &Path) -> SkippedFile {
        SkippedFile { path: path.to_owned(), reason: self.reason, what: self.what }
    }
}

impl From<io::Error> for FormatError {
    fn from(error: io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => SkipReason::Truncated,
            io::ErrorKind::PermissionDenied => SkipReason::Denied,
            _ => SkipReason::Unreadable,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<FormatError> for io::Error {
    fn from(fault: FormatError) -> Self {
        Self::new(io::ErrorKind::InvalidData, format!("{}: {}", fault.reason.as_str(), fault.what))
    }
}

/// A file that is not read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkippedFile {
    pub(crate) path: PathBuf,
    pub(crate) reason: SkipReason,
    pub(crate) what: String,
}

impl fmt::Display for SkippedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is skipped as {}: {}", self.path.display(), self.reason.as_str().replace('_', " "), self.what)
    }
}

impl std::error::Error for SkippedFile {}

impl From<SkippedFile> for io::Error {
    fn from(skipped: SkippedFile) -> Self {
        Self::new(io::ErrorKind::InvalidData, skipped)
    }
}
