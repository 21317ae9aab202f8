//! Cells in files for a backend that is sent what they hold: what a process has counted is there when it was killed.
//!
//! The directory is one as of the file backend, but for two things: nothing is shared in it, and what the dead have counted
//! is not added up there, but [taken](Spool::ended) by whoever sends it on. Beside `process-<id>` lies `journal-<id>`, which says
//! what of it was sent.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, RwLock};

use crate::backends::custom::{Aggregation, Arena, BackendError, CellAddr, FamilyKey, NewSeries, Page, SeriesKey};
use crate::backends::file::dir::directory::{Directory, Identity, open, remove_file};
use crate::backends::file::dir::error::{FileError, FileFault};
use crate::backends::file::dir::liveness::LivenessLock;
use crate::backends::file::dir::roster;
use crate::backends::file::format::exact_amount::ExactAmount;
use crate::backends::file::format::file_id::FileId;
use crate::backends::file::read::peer::Peer;
use crate::backends::file::write::process::Process;
use crate::backends::file::write::shared_compaction;
use crate::backends::file::write::shared_file::SharedFile;
use crate::model::descriptor::Kind;
use crate::model::number::Number;
use crate::sync::{read, write};

const JOURNAL: &str = "journal-";

/// A directory with the cells of processes, and the file of this one.
pub(in crate::backends) struct Spool {
    directory: Arc<Directory>,
    shared: Arc<SharedFile>,
    /// Not there once it is closed, or in a child that could not begin.
    own: RwLock<Option<Arc<Process>>>,
    closed: AtomicBool,
}

impl Spool {
    /// Joins the processes that use this directory, which is made if there is none.
    pub(in crate::backends) fn open(path: &Path) -> Result<Self, BackendError> {
        let mut directory = Directory::open(path, false)?;
        // Counts in a spool are sent elsewhere, and shown there.
        directory.has_roster = false;
        let directory = Arc::new(directory);
        let shared = {
            let _locked = directory.lock_at_startup()?;
            Arc::new(shared_compaction::open(&directory.shared_file()).map_err(|skipped| skipped.to_string())?)
        };
        let own = Process::attach(&directory, &shared)?;
        Ok(Self { directory, shared, own: RwLock::new(Some(Arc::new(own))), closed: AtomicBool::new(false) })
    }

    /// What tells this process from all others, and where it takes note of what it has told.
    pub(in crate::backends) fn own(&self) -> Option<(String, PathBuf)> {
        let id = read(&self.own).as_ref()?.id();
        Some((id.to_string(), self.journal(id)))
    }

    /// Where this process counts.
    pub(in crate::backends) fn arena(&self) -> Option<Arc<dyn Arena>> {
        let own = Arc::clone(read(&self.own).as_ref()?);
        Some(Arc::new(OwnArena(own)))
    }

    /// This process counts no more there: it is one of the dead.
    pub(in crate::backends) fn close(&self) -> Result<(), BackendError> {
        self.closed.store(true, Relaxed);
        let own = write(&self.own).take();
        Ok(own.map_or(Ok(()), |own| own.close())?)
    }

    /// In a child: begins a file of its own, unless this was closed.
    pub(in crate::backends) fn forked(&self) -> Result<(), BackendError> {
        if self.closed.load(Relaxed) {
            return Ok(());
        }
        let own = Process::attach(&self.directory, &self.shared);
        let (own, outcome) = match own {
            Ok(own) => (Some(Arc::new(own)), Ok(())),
            Err(error) => (None, Err(error.into())),
        };
        drop(std::mem::replace(&mut *write(&self.own), own));
        outcome
    }

    fn journal(&self, id: FileId) -> PathBuf {
        self.directory.path().join(format!("{JOURNAL}{id}"))
    }

    /// Those who count there, or have, but for this process.
    pub(in crate::backends) fn others(&self) -> Result<Vec<String>, BackendError> {
        let own = read(&self.own).as_ref().map(|own| own.id());
        let all = self.directory.list()?.into_iter().filter(|(id, _)| Some(*id) != own);
        Ok(all.map(|(id, _)| id.to_string()).collect())
    }

    /// Takes what one of the dead has left, so that nobody else does meanwhile; `None` if it lives, somebody has taken it, or
    /// it is gone.
    pub(in crate::backends) fn claim(&self, id: &str) -> Result<Option<CrashedProcess>, BackendError> {
        let Some(id) = FileId::parse(id) else { return Ok(None) };
        let path = self.directory.process(id);
        // For the process that takes it, not for a child of it; and gone with the process.
        let liveness = match LivenessLock::take(&path, || open(OpenOptions::new().read(true).write(true), &path)) {
            Ok(liveness) => liveness,
            Err(error) if matches!(error.fault(), FileFault::Busy | FileFault::Gone) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Somebody else may have taken it until just now.
        let same = liveness.try_clone().and_then(Identity::of).and_then(|file| file.is_at(&path));
        let same = same.map_err(|error| FileError::io(&path, error))?;
        Ok(same.then(|| CrashedProcess { id, path, journal: self.journal(id), _liveness: liveness }))
    }

    /// Removes notes whose process is gone.
    pub(in crate::backends) fn clean(&self) -> Result<(), BackendError> {
        let locked = self.directory.lock()?;
        roster::clean(&locked)?;
        for entry in fs::read_dir(self.directory.path())? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let Some(id) = name.strip_prefix(JOURNAL).and_then(|rest| FileId::parse(rest.get(..32)?)) else { continue };
            let is_there = |name: &str| self.directory.path().join(format!("{name}-{id}")).exists();
            // A process that begins shows its file later; it does so under this lock, but for the last step.
            if !is_there("new") && !is_there("process") {
                // What can't be removed keeps nobody from what others have left.
                let _ = remove_file(&self.directory.path().join(name));
            }
        }
        Ok(())
    }
}

/// What a process has left that has ended. Nobody else takes it until it is dropped.
pub(in crate::backends) struct CrashedProcess {
    id: FileId,
    path: PathBuf,
    pub(in crate::backends) journal: PathBuf,
    _liveness: LivenessLock,
}

/// A series that a process has counted in, and the numbers that it has there: its parts, or the most recent value and the
/// time at which it was set.
pub(in crate::backends) type CrashedTotals = (Arc<FamilyKey>, SeriesKey, Vec<Number>);

impl CrashedProcess {
    /// Its counts, of families that add up, and its most recent values.
    pub(in crate::backends) fn totals(&self) -> Result<Vec<CrashedTotals>, BackendError> {
        let peer = Peer::open(&self.path).map_err(|skipped| skipped.to_string())?;
        if peer.id() != self.id {
            // The notes of that one are not those of this file.
            return Err(format!("`{}` is a copy of the file of another process", self.path.display()).into());
        }
        let mut counted = Vec::new();
        for (place, series) in peer.series().iter().enumerate().filter(|(_, series)| !series.ended) {
            let family = peer.families().get(series.family as usize);
            let Some(family) = family.filter(|family| !family.aggregation().is_live_only()) else { continue };
            match family.aggregation() {
                Aggregation::Add => {}
                Aggregation::MostRecent => {
                    let latest = peer.last_set(place).map(|(value, set_at)| vec![value.into(), set_at.into()]);
                    counted.extend(latest.map(|latest| (Arc::clone(family), series.key.clone(), latest)));
                    continue;
                }
                _ => continue,
            }
            let mut amounts = vec![ExactAmount::default(); family.part_count()];
            peer.read(place, &mut amounts);
            let sum = if family.descriptor().kind() == Kind::Counter { amounts.len() } else { amounts.len() - 1 };
            let part = |(part, amount): (usize, &ExactAmount)| {
                if part == sum { amount.number_float() } else { amount.number() }
            };
            let parts = amounts.iter().enumerate().map(part).collect();
            counted.push((Arc::clone(family), series.key.clone(), parts));
        }
        Ok(counted)
    }

    /// Removes it, now that all of it was told.
    pub(in crate::backends) fn remove(self) -> Result<(), BackendError> {
        // First: without notes, all that it has counted would seem not to be told.
        remove_file(&self.path)?;
        remove_file(&self.journal)?;
        Ok(())
    }
}

/// As the file of a process, with nothing that all processes write.
struct OwnArena(Arc<Process>);

impl Arena for OwnArena {
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page> {
        self.0.page(shard, page)
    }

    fn add_series(&self, series: &NewSeries<'_>) -> Result<(), BackendError> {
        self.0.add_series(series)
    }

    fn add_cells(&self, series: CellAddr, extra: CellAddr) -> Result<(), BackendError> {
        self.0.add_cells(series, extra)
    }

    fn free_series(&self, series: CellAddr) {
        self.0.free_series(series);
    }

    fn publish(&self) -> Result<(), BackendError> {
        self.0.publish()
    }

    fn shares_gauges(&self) -> bool {
        false
    }

    fn shared_cells(&self, _: &Arc<FamilyKey>, _: &SeriesKey, _: bool) -> Result<CellAddr, BackendError> {
        Err("there is nothing there that all processes write".into())
    }
}
