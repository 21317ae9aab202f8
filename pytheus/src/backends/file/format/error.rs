//! Why a file is left alone.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What sort of fault a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Says what can't be.
    Corrupt,
    /// Ends before what it says is in it.
    Truncated,
    /// Is none of ours, or of a machine unlike this one.
    Foreign,
    /// Is of a later version.
    NewerVersion,
    /// Can't be read.
    Unreadable,
    /// May not be read by the user of this process.
    Denied,
}

impl Reason {
    /// As the value of a label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Truncated => "truncated",
            Self::Foreign => "foreign",
            Self::NewerVersion => "newer_version",
            Self::Unreadable | Self::Denied => "unreadable",
        }
    }
}

/// What is wrong with a file, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) what: String,
}

impl Fault {
    pub(crate) fn new(reason: Reason, what: impl Into<String>) -> Self {
        Self { reason, what: what.into() }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::new(Reason::Corrupt, what)
    }

    pub(crate) fn truncated(what: impl Into<String>) -> Self {
        Self::new(Reason::Truncated, what)
    }

    /// Of the file that lies there.
    pub(crate) fn at(self, path: &Path) -> Skip {
        Skip { path: path.to_owned(), reason: self.reason, what: self.what }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => Reason::Truncated,
            io::ErrorKind::PermissionDenied => Reason::Denied,
            _ => Reason::Unreadable,
        };
        Self::new(reason, error.to_string())
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::new(io::ErrorKind::InvalidData, format!("{}: {}", fault.reason.as_str(), fault.what))
    }
}

/// A file that is left alone, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) path: PathBuf,
    pub(crate) reason: Reason,
    pub(crate) what: String,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is skipped as {}: {}", self.path.display(), self.reason.as_str().replace('_', " "), self.what)
    }
}

impl std::error::Error for Skip {}

impl From<Skip> for io::Error {
    fn from(skip: Skip) -> Self {
        Self::new(io::ErrorKind::InvalidData, skip)
    }
}
