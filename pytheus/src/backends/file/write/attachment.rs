//! The attachment of this process to a directory, until it is closed; a child that was forked attaches anew.

use std::sync::{Arc, RwLock};

use crate::backends::custom::{Arena, BackendError};
use crate::backends::file::dir::{Directory, FileError, Presence, roster};
use crate::backends::file::write::{AttachedProcess, SharedFile, shared_compaction};
use crate::sync::{read, write};

/// A directory, its shared file, and the file of this process.
pub(crate) struct Attachment {
    pub(crate) directory: Arc<Directory>,
    pub(crate) shared: Arc<SharedFile>,
    status: RwLock<Status>,
}

enum Status {
    Attached(Arc<AttachedProcess>),
    Closed,
    /// A child could not attach.
    Failed(String),
}

impl Attachment {
    /// Attaches this process to a directory.
    pub(crate) fn open(directory: Directory) -> Result<Self, FileError> {
        let directory = Arc::new(directory);
        // Held until the file of the process says that it is present.
        let (_presence, shared) = {
            let locked = directory.lock_at_startup()?;
            let presence = Presence::take(&locked)?;
            roster::begin(&locked, presence.is_alone)?;
            let shared = shared_compaction::open(&directory.shared_file()).map_err(FileError::damaged)?;
            (presence, Arc::new(shared))
        };
        let process = AttachedProcess::attach(&directory, &shared)?;
        Ok(Self { directory, shared, status: RwLock::new(Status::Attached(Arc::new(process))) })
    }

    /// Returns the file of this process; `None` once it is closed.
    pub(crate) fn process(&self) -> Result<Option<Arc<AttachedProcess>>, BackendError> {
        match &*read(&self.status) {
            Status::Attached(process) => Ok(Some(Arc::clone(process))),
            Status::Closed => Ok(None),
            Status::Failed(error) => Err(error.clone().into()),
        }
    }

    pub(crate) fn arena(&self) -> Option<Arc<dyn Arena>> {
        Some(self.process().ok()?? as Arc<dyn Arena>)
    }

    /// Returns the file of this process for the last time.
    pub(crate) fn close(&self) -> Option<Arc<AttachedProcess>> {
        match std::mem::replace(&mut *write(&self.status), Status::Closed) {
            Status::Attached(process) => Some(process),
            Status::Closed | Status::Failed(_) => None,
        }
    }

    /// Attaches a child, unless its parent was closed; says whether it is attached.
    pub(crate) fn after_fork(&self) -> Result<bool, FileError> {
        if matches!(&*read(&self.status), Status::Closed) {
            return Ok(false);
        }
        let (status, outcome) = match AttachedProcess::attach(&self.directory, &self.shared) {
            Ok(process) => (Status::Attached(Arc::new(process)), Ok(true)),
            Err(error) => (Status::Failed(error.to_string()), Err(error)),
        };
        *write(&self.status) = status;
        outcome
    }
}
