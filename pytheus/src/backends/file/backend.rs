//! The backend, put together.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use crate::backends::custom::{
    AggregationScope, Arena, Backend, BackendError, Config, Configure, FamilyKey, Removal, SeriesKey, Totals,
};
use crate::backends::file::MultiProcessFileBackend;
use crate::backends::file::archive::tombstones::translated;
use crate::backends::file::dir::directory::Directory;
use crate::backends::file::dir::error::FileError;
use crate::backends::file::dir::presence::Presence;
use crate::backends::file::dir::roster;
use crate::backends::file::merge::merger::{Merger, Put};
use crate::backends::file::write::process::Process;
use crate::backends::file::write::shared_compaction;
use crate::backends::file::write::shared_file::SharedFile;
use crate::sync::{lock, read, write};

/// What the backend consists of.
pub(crate) struct State {
    directory: Arc<Directory>,
    /// Whoever attaches folds the dead from so many files on.
    archive_at: usize,
    shared: Arc<SharedFile>,
    own: RwLock<Own>,
    merger: Mutex<Merger>,
}

/// The part of this process.
enum Own {
    Open(Arc<Process>),
    /// It has left.
    Closed,
    /// A child that could not begin.
    Failed(String),
}

/// What can be chosen, but for the directory.
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

impl State {
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, BackendError> {
        let directory = Arc::new(Directory::open(path, options.allow_others)?);
        // Until the process has a file, and is present by that.
        let (_presence, shared) = {
            let locked = directory.lock_at_startup()?;
            let presence = Presence::take(&locked)?;
            roster::begin(&locked, presence.is_alone)?;
            (presence, Arc::new(shared_compaction::open(&directory.shared_file()).map_err(FileError::damaged)?))
        };
        let process = Process::attach(&directory, &shared)?;
        let merger = Merger::new(Arc::clone(&directory), Arc::clone(&shared));
        let parts = Self {
            directory,
            archive_at: options.archive_at,
            shared,
            own: RwLock::new(Own::Open(Arc::new(process))),
            merger: Mutex::new(merger),
        };
        parts.tidy()?;
        Ok(parts)
    }

    /// Folds the dead when there are many files.
    fn tidy(&self) -> Result<(), FileError> {
        let files = self.directory.list()?.len();
        if files >= self.archive_at {
            if files >= self.archive_at.saturating_mul(2) {
                // Whoever folds now can't keep up with those that begin meanwhile: they wait for it, and there are no more.
                drop(self.directory.lock());
            }
            self.fold();
        }
        Ok(())
    }

    /// Removes the series that all processes write.
    fn remove_shared(&self, series: &[(Arc<FamilyKey>, SeriesKey)]) -> Result<(), BackendError> {
        self.shared.refresh()?;
        let mut found = Vec::new();
        let mut last: Option<(Arc<FamilyKey>, HashSet<SeriesKey>)> = None;
        self.shared.each(|_, family, of_file| {
            let known = last.take_if(|(known, _)| Arc::ptr_eq(known, family));
            let (family, wanted) = known.unwrap_or_else(|| (Arc::clone(family), translated(series, family)));
            if wanted.contains(&of_file.key) {
                found.push(of_file.at);
            }
            last = Some((family, wanted));
        });
        if !found.is_empty() {
            let _locked = self.directory.lock()?;
            for at in found {
                self.shared.remove(at)?;
            }
        }
        Ok(())
    }

    /// Folds the dead. If that can't be done now, scrapes try it again.
    fn fold(&self) {
        let reports = {
            let mut merger = lock(&self.merger);
            let _ = merger.rescan_and_fold();
            merger.take_reports()
        };
        reports.emit();
    }
}

impl Backend for MultiProcessFileBackend {
    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Machine
    }

    fn arena(&self) -> Option<Arc<dyn Arena>> {
        match &*read(&self.0.own) {
            Own::Open(process) => Some(Arc::clone(process) as Arc<dyn Arena>),
            Own::Closed | Own::Failed(_) => None,
        }
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        match &*read(&self.0.own) {
            Own::Failed(error) => return Err(error.clone().into()),
            Own::Open(process) => totals.set_process_label(process.label()),
            Own::Closed => {}
        }
        let (found, reports) = {
            let mut merger = lock(&self.0.merger);
            let found = merger.load(&|family| totals.includes(family));
            (found, merger.take_reports())
        };
        // Without the lock: a reporter is the user's own code.
        reports.emit();
        for Put { family, series, parts, times, is_live } in found? {
            totals.provide_declaration(family, series, parts, times, is_live);
        }
        Ok(())
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        let own = match &*read(&self.0.own) {
            Own::Open(process) => Some(process.id()),
            Own::Closed | Own::Failed(_) => None,
        };
        // Waited for without what scrapes need: whoever has it may be stopped.
        drop(self.0.directory.lock()?);
        let (removed, reports) = {
            let mut merger = lock(&self.0.merger);
            let removed = if merger.has_removed(removal) {
                Ok(())
            } else {
                let removed = merger.remove(own, &removal.series).and_then(|()| self.0.remove_shared(&removal.series));
                removed.inspect(|()| merger.note_removed(removal))
            };
            (removed, merger.take_reports())
        };
        reports.emit();
        removed
    }

    /// Checks that others find the counts, which are in a mapped file already.
    fn flush(&self) -> Result<(), BackendError> {
        let process = match &*read(&self.0.own) {
            Own::Open(process) => Arc::clone(process),
            Own::Closed => return Ok(()),
            Own::Failed(error) => return Err(error.clone().into()),
        };
        Ok(process.check()?)
    }

    fn close(&self) -> Result<(), BackendError> {
        let before = std::mem::replace(&mut *write(&self.0.own), Own::Closed);
        if let Own::Open(process) = before {
            let found = process.check();
            process.close()?;
            // It is one of the dead now: what it has counted goes to the archive, and its file away.
            self.0.fold();
            found?;
        }
        Ok(())
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        let State { directory, shared, own, merger, .. } = &self.0;
        // What the parent had open is none of the child's business.
        *lock(merger) = Merger::new(Arc::clone(directory), Arc::clone(shared));
        if matches!(&*read(own), Own::Closed) {
            return Ok(());
        }
        let attached = Process::attach(directory, shared);
        let mut own = write(own);
        match attached {
            Ok(process) => *own = Own::Open(Arc::new(process)),
            Err(error) => {
                *own = Own::Failed(error.to_string());
                return Err(error.into());
            }
        }
        drop(own);
        Ok(self.0.tidy()?)
    }
}

impl Configure for MultiProcessFileBackend {
    const NAME: &'static str = "file";
    const ALIASES: &'static [&'static str] = &[
        "MultiProcessFileBackend",
        "pytheus.backends.file.MultiProcessFileBackend",
        "pytheus.backends.MultiProcessFileBackend",
    ];

    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        let default = Options::default();
        let directory = config.path("directory")?;
        let allow_others = config.bool("allow_others")?.unwrap_or(default.allow_others);
        let archive_at = config.integer("archive_at", 1..=u64::MAX)?;
        let directory = directory.ok_or_else(|| config.missing("directory"))?;
        // Before anything is made.
        config.finish()?;
        let archive_at = archive_at.map_or(default.archive_at, |files| usize::try_from(files).unwrap_or(usize::MAX));
        Ok(Self(State::open(&directory, Options { allow_others, archive_at })?))
    }
}

crate::register_backend!(MultiProcessFileBackend);

impl fmt::Debug for MultiProcessFileBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiProcessFileBackend").field("directory", &self.0.directory.path()).finish_non_exhaustive()
    }
}
