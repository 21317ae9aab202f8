//! Errors of the directory and its files, with what to do about them.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::backends::file::format::{FormatError, SkipReason, SkippedFile};

/// An error of a file of the backend: its path, what is wrong with it, and what to do.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    fault: FileFault,
    source: Option<io::Error>,
    /// Number of other files with faults.
    more: usize,
}

/// The kind of a [`FileError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFault {
    /// It is no directory.
    NotADirectory,
    /// It is no plain file.
    NotAFile,
    /// A symbolic link, which is not followed.
    Symlink,
    /// Other users can write to it.
    OthersWrite {
        /// The permissions that it has.
        mode: u32,
    },
    /// It belongs to another user.
    NotOurs {
        /// The user that owns it.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// This process lacks a permission.
    Denied,
    /// The file system can't be written to.
    ReadOnly,
    /// The file system, or the quota of the user, is full.
    NoSpace,
    /// The file system knows no `flock`.
    NoLocks,
    /// Another process has kept it locked for too long.
    Busy,
    /// It was removed while it was in use.
    Gone,
    /// The totals of ended processes can't be read.
    Archive,
    /// A file that was in use was removed, and its counts are missing.
    Lost,
    /// Another file took its place, and its counts are missing.
    Replaced,
    /// It has the format of an earlier version of pytheus.
    OlderVersion,
    /// A file exists, but its content is wrong: see the [source](Error::source).
    Damaged,
    /// Anything else: see the [source](Error::source).
    Other,
}

impl FileError {
    pub(crate) fn new(path: &Path, fault: FileFault) -> Self {
        Self { path: path.to_owned(), fault, source: None, more: 0 }
    }

    /// An error of the system for a file.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let fault = match source.kind() {
            ErrorKind::NotADirectory => FileFault::NotADirectory,
            ErrorKind::PermissionDenied => FileFault::Denied,
            ErrorKind::ReadOnlyFilesystem => FileFault::ReadOnly,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FileFault::NoSpace,
            ErrorKind::NotFound => FileFault::Gone,
            ErrorKind::IsADirectory => FileFault::NotAFile,
            // A socket, or a pipe that no process reads.
            _ if source.raw_os_error() == Some(libc::ENXIO) => FileFault::NotAFile,
            // `ErrorKind::FilesystemLoop` is not stable. Some systems have another code for it.
            _ if [Some(libc::ELOOP), Some(libc::EMLINK)].contains(&source.raw_os_error()) => FileFault::Symlink,
            _ => FileFault::Other,
        };
        Self { path: path.to_owned(), fault, source: Some(source), more: 0 }
    }

    /// An error of the system when a file is locked.
    pub(crate) fn lock(path: &Path, source: io::Error) -> Self {
        let unknown = [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP, libc::EINVAL];
        if source.kind() == ErrorKind::Unsupported || source.raw_os_error().is_some_and(|code| unknown.contains(&code))
        {
            return Self { path: path.to_owned(), fault: FileFault::NoLocks, source: Some(source), more: 0 };
        }
        Self::io(path, source)
    }

    /// An archive that can't be read, so nothing may be added to it.
    pub(crate) fn archive(skipped: SkippedFile) -> Self {
        match skipped.reason {
            SkipReason::Denied | SkipReason::OlderVersion => Self::damaged(skipped),
            _ => Self { fault: FileFault::Archive, ..Self::damaged(skipped) },
        }
    }

    /// A file of counts that can't be read.
    pub(crate) fn damaged(skipped: SkippedFile) -> Self {
        let fault = match skipped.reason {
            SkipReason::Denied => FileFault::Denied,
            SkipReason::Unreadable => FileFault::Other,
            SkipReason::OlderVersion => FileFault::OlderVersion,
            _ => FileFault::Damaged,
        };
        Self {
            path: skipped.path,
            fault,
            source: Some(FormatError { reason: skipped.reason, what: skipped.what }.into()),
            more: 0,
        }
    }

    /// Adds the number of other files with faults.
    pub(crate) fn and_more(self, more: usize) -> Self {
        Self { more, ..self }
    }

    /// Says whether a file could not be made because it exists.
    pub(crate) fn is_there(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.kind() == ErrorKind::AlreadyExists)
    }

    /// Replaces the path.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Returns the path of the directory, or of the file in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is wrong with it.
    pub fn fault(&self) -> FileFault {
        self.fault
    }
}

impl From<FileError> for FormatError {
    /// Returns why the file can't be read, without its path.
    fn from(error: FileError) -> Self {
        match (error.fault, error.source) {
            (FileFault::Symlink, _) => Self::new(SkipReason::Foreign, "it is a symbolic link"),
            (FileFault::NotAFile, _) => Self::new(SkipReason::Foreign, "it is not a file"),
            (_, Some(source)) => source.into(),
            (fault, None) => Self::new(SkipReason::Unreadable, format!("{fault:?}")),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.fault {
            FileFault::NotADirectory => {
                write!(f, "`{path}` is not a directory: name one, or a path where one can be made")
            }
            FileFault::NotAFile => write!(f, "`{path}` is not a plain file: remove it, or name another directory"),
            FileFault::Symlink => {
                write!(f, "`{path}` is a symbolic link, which is not followed: name what it leads to")
            }
            FileFault::OthersWrite { mode } => write!(
                f,
                "other users can write to `{path}`, whose mode is {mode:o}: `chmod 700` it, or set `allow_others` to true"
            ),
            FileFault::NotOurs { owner, user } => write!(
                f,
                "`{path}` belongs to user {owner}, and this process is of user {user}: \
                 name a directory of its own, or set `allow_others` to true"
            ),
            FileFault::Denied => {
                write!(f, "no permission for `{path}`: the user of this process should be able to read and write it")
            }
            FileFault::ReadOnly => {
                write!(f, "`{path}` lies on a read-only file system: name a directory that can be written to")
            }
            FileFault::NoSpace => {
                write!(f, "no space left for `{path}`: make some, or name a directory on another file system")
            }
            FileFault::NoLocks => write!(
                f,
                "`{path}` can't be locked with flock: name a directory on a local file system, `/dev/shm/..` for one"
            ),
            FileFault::Busy => {
                write!(
                    f,
                    "another process keeps `{path}` locked for too long: one that is stopped should go on, or end"
                )
            }
            FileFault::Gone => write!(
                f,
                "`{path}` is gone, removed while in use: the processes that count there should be started again"
            ),
            FileFault::Archive => write!(
                f,
                "`{path}` can't be read, so the counts of processes that have ended are missing: it should be readable by this \
                 version of pytheus; or end all processes that use the directory, move the file and `roster` away, and start \
                 them again without these counts"
            ),
            FileFault::Lost => write!(
                f,
                "`{path}` was removed while it was in use, so counts are missing: put it back, or end all processes that use \
                 the directory, remove `roster` there, and start them again without these counts"
            ),
            FileFault::Replaced => write!(
                f,
                "`{path}` is another file than the one that processes count in, so counts are missing: put that one back, or \
                 end all processes that use the directory, remove `roster` there, and start them again without these counts"
            ),
            FileFault::OlderVersion => write!(
                f,
                "`{path}` was written by an earlier version of pytheus, whose format this one does not read: end all processes \
                 that use the directory and remove it, or name another directory"
            ),
            FileFault::Damaged => write!(
                f,
                "`{path}` can't be read, so counts are missing: end all processes that use the directory, move the file and \
                 `roster` away, and start them again without these counts"
            ),
            FileFault::Other => write!(f, "`{path}` can't be used"),
        }?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        match self.more {
            0 => Ok(()),
            1 => f.write_str("; and another file has a fault"),
            more => write!(f, "; and {more} other files have faults"),
        }
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
