//! The state of the backend: attachment and merger.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::backends::custom::{BackendError, FamilyKey, SeriesKey};
use crate::backends::file::archive::matching_series;
use crate::backends::file::dir::{Directory, FileError};
use crate::backends::file::merge::Merger;
use crate::backends::file::write::Attachment;
use crate::sync::lock;

/// The state of the backend.
pub(crate) struct FileBackendState {
    pub(crate) attachment: Attachment,
    archive_at: usize,
    pub(crate) merger: Mutex<Merger>,
}

/// The configuration, without the directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) allow_others: bool,
    pub(crate) archive_at: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { allow_others: false, archive_at: 32 }
    }
}

impl FileBackendState {
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, BackendError> {
        let attachment = Attachment::open(Directory::open(path, options.allow_others)?)?;
        let merger = Mutex::new(Merger::new(&attachment));
        let state = Self { attachment, archive_at: options.archive_at, merger };
        state.fold_if_many()?;
        Ok(state)
    }

    /// Folds ended processes when there are many files.
    pub(crate) fn fold_if_many(&self) -> Result<(), FileError> {
        let files = self.attachment.directory.list()?.len();
        if files >= self.archive_at {
            if files >= self.archive_at.saturating_mul(2) {
                // The folding process can't keep up. Waiting for it keeps the number of files bounded.
                drop(self.attachment.directory.acquire_lock());
            }
            self.fold();
        }
        Ok(())
    }

    /// Removes series of the shared file.
    pub(crate) fn remove_shared(&self, series: &[(Arc<FamilyKey>, SeriesKey)]) -> Result<(), BackendError> {
        self.attachment.shared.refresh()?;
        let mut found = Vec::new();
        let mut last: Option<(Arc<FamilyKey>, HashSet<SeriesKey>)> = None;
        self.attachment.shared.each(|_, family, of_file| {
            let known = last.take_if(|(known, _)| Arc::ptr_eq(known, family));
            let (family, wanted) = known.unwrap_or_else(|| (Arc::clone(family), matching_series(series, family)));
            if wanted.contains(&of_file.key) {
                found.push(of_file.at);
            }
            last = Some((family, wanted));
        });
        if !found.is_empty() {
            let _locked = self.attachment.directory.acquire_lock()?;
            for at in found {
                self.attachment.shared.remove(at)?;
            }
        }
        Ok(())
    }

    /// Folds ended processes. If that fails, scrapes try again.
    pub(crate) fn fold(&self) {
        let _ = self.with_merger(Merger::rescan_and_fold);
    }

    /// Uses the merger, and emits its reports without the lock: a reporter is the user's code.
    pub(crate) fn with_merger<T>(&self, act: impl FnOnce(&mut Merger) -> T) -> T {
        let (result, reports) = {
            let mut merger = lock(&self.merger);
            (act(&mut merger), merger.take_reports())
        };
        reports.emit();
        result
    }
}
