//! A local durable buffer for a backend that sends its counts: cells in files, which survive a kill.
//!
//! The directory is like that of the file backend, with two differences: nothing is shared in it, and counts of crashed
//! processes are not archived but [claimed](Spool::claim) by a process that sends them. A file `journal-<id>` beside
//! `process-<id>` records what was sent.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backends::custom::{Aggregation, Arena, BackendError, FamilyKey, SeriesKey};
use crate::backends::file::dir::{Directory, FileFault, HeldLock, is_at, open, remove_file, roster};
use crate::backends::file::format::{ExactAmount, FileId};
use crate::backends::file::read::Peer;
use crate::backends::file::write::Attachment;
use crate::model::number::Number;

const JOURNAL: &str = "journal-";

/// A directory with the cells of processes, and the file of this one.
pub(in crate::backends) struct Spool(Attachment);

impl Spool {
    /// Attaches this process to a directory, which is made if there is none.
    pub(in crate::backends) fn open(path: &Path) -> Result<Self, BackendError> {
        let mut directory = Directory::open(path, false)?;
        directory.is_spool = true;
        Ok(Self(Attachment::open(directory)?))
    }

    /// Returns the id of this process, and the path of its journal.
    pub(in crate::backends) fn own(&self) -> Option<(String, PathBuf)> {
        let id = self.own_id()?;
        Some((id.to_string(), self.journal(id)))
    }

    fn own_id(&self) -> Option<FileId> {
        Some(self.0.process().ok()??.id())
    }

    /// Returns the arena in which this process counts.
    pub(in crate::backends) fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.0.arena()
    }

    /// Detaches this process: for others, it has ended.
    pub(in crate::backends) fn close(&self) -> Result<(), BackendError> {
        Ok(self.0.close().map_or(Ok(()), |process| process.close())?)
    }

    /// Attaches a child, unless the spool was closed.
    pub(in crate::backends) fn forked(&self) -> Result<(), BackendError> {
        self.0.after_fork()?;
        Ok(())
    }

    fn journal(&self, id: FileId) -> PathBuf {
        self.0.directory.path().join(format!("{JOURNAL}{id}"))
    }

    /// Lists the other processes, live or ended.
    pub(in crate::backends) fn others(&self) -> Result<Vec<String>, BackendError> {
        let own = self.own_id();
        let all = self.0.directory.list()?.into_iter().filter(|(id, _)| Some(*id) != own);
        Ok(all.map(|(id, _)| id.to_string()).collect())
    }

    /// Claims the files of a crashed process; `None` if it is live, claimed by another process, or gone.
    pub(in crate::backends) fn claim(&self, id: &str) -> Result<Option<CrashedProcess>, BackendError> {
        let Some(id) = FileId::parse(id) else { return Ok(None) };
        let path = self.0.directory.process(id);
        // The lock ends with the claiming process, and is not its children's.
        let liveness = match HeldLock::take(&path, || open(OpenOptions::new().read(true).write(true), &path)) {
            Ok(liveness) => liveness,
            Err(error) if matches!(error.fault(), FileFault::Busy | FileFault::Gone) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Another process may have recovered and removed it just now.
        let same = is_at(&liveness, &path)?;
        Ok(same.then(|| CrashedProcess { id, path, journal: self.journal(id), _liveness: liveness }))
    }

    /// Removes journals without a process.
    pub(in crate::backends) fn clean(&self) -> Result<(), BackendError> {
        let locked = self.0.directory.acquire_lock()?;
        roster::clean(&locked)?;
        for entry in fs::read_dir(self.0.directory.path())? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let Some(id) = name.strip_prefix(JOURNAL).and_then(|rest| FileId::parse(rest.get(..32)?)) else { continue };
            let is_there = |name: &str| self.0.directory.path().join(format!("{name}-{id}")).exists();
            // A process publishes its file without the lock, but stages it under the lock.
            if !is_there("new") && !is_there("process") {
                // A journal that can't be removed must not block recovery.
                let _ = remove_file(&self.0.directory.path().join(name));
            }
        }
        Ok(())
    }
}

/// A crashed process, claimed until this is dropped.
pub(in crate::backends) struct CrashedProcess {
    id: FileId,
    path: PathBuf,
    pub(in crate::backends) journal: PathBuf,
    _liveness: HeldLock,
}

/// A series of a crashed process, and its numbers: its parts, or the last value and its time.
pub(in crate::backends) type CrashedTotals = (Arc<FamilyKey>, SeriesKey, Vec<Number>);

impl CrashedProcess {
    /// Returns the counts that add up, and the most recent values.
    pub(in crate::backends) fn totals(&self) -> Result<Vec<CrashedTotals>, BackendError> {
        let peer = Peer::open(&self.path).map_err(|skipped| skipped.to_string())?;
        if peer.id() != self.id {
            // The journal is not of that process.
            return Err(format!("`{}` is a copy of the file of another process", self.path.display()).into());
        }
        let live = peer.series().iter().enumerate().filter(|(_, series)| !series.ended);
        let totals = live.filter_map(|(index, series)| {
            let (family, amounts) = (peer.families().get(series.family as usize)?, peer.totals(index)?);
            let numbers = match &*amounts {
                [latest] if family.aggregation() == Aggregation::MostRecent => {
                    vec![latest.float.value().into(), latest.whole.into()]
                }
                _ => ExactAmount::numbers(family.descriptor().kind(), &amounts).collect(),
            };
            Some((Arc::clone(family), series.key.clone(), numbers))
        });
        Ok(totals.collect())
    }

    /// Removes the files, after recovery.
    pub(in crate::backends) fn remove(self) -> Result<(), BackendError> {
        // The journal last: without it, all counts would seem to be unsent.
        remove_file(&self.path)?;
        remove_file(&self.journal)?;
        Ok(())
    }
}
