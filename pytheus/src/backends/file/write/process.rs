//! The part of this process: its file, and the lock that says that it lives.

use std::collections::{HashMap, HashSet};
use std::fs::{OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::backends::custom::{Arena, BackendError, CellAddr, FamilyKey, NewSeries, SeriesKey};
use crate::backends::file::dir::{DirLock, Directory, FileError, HeldLock, Presence, open, publish, roster};
use crate::backends::file::format::{FileId, FormatError, Header};
use crate::backends::file::write::{SharedFile, WithDirectory, WriterFile};
use crate::backends::runtime::{loader, wait};
use crate::storage::Page;
use crate::sync::lock;

/// The file of this process, until it is closed.
pub(crate) struct Process {
    id: FileId,
    /// The label `pid` of this process.
    label: String,
    file: WriterFile,
    /// Of the same file, opened for itself: what is mapped keeps the lock for as long as somebody maps it, a child for
    /// one, though it has closed what its parent had open.
    liveness: HeldLock,
    presence: Presence,
    directory: Arc<Directory>,
    /// Where the file is until others may see it, and where it goes.
    staged: Mutex<Option<(PathBuf, PathBuf)>>,
    shared: Mutex<Shared>,
    closed: AtomicBool,
}

/// What is in the file of this process of series that all processes write.
#[derive(Default)]
struct Shared {
    /// Families of which the file has a series, so that others see that a living process has declared them.
    families: HashSet<String>,
    /// Series that the file names: there, or with work in progress.
    series: HashSet<CellAddr>,
    /// Where those go on that have work in progress.
    extra_cells: HashMap<CellAddr, CellAddr>,
}

impl Process {
    /// Makes the file of this process. Others see it once it is [ready](Arena::ready).
    pub(crate) fn attach(directory: &Arc<Directory>, shared: &Arc<SharedFile>) -> Result<Self, FileError> {
        let locked = directory.lock_at_startup()?;
        let presence = Presence::take(&locked)?;
        roster::clean(&locked)?;
        let shares_pid = has_number(&locked, std::process::id())?;
        let (liveness, new) = locked.create_process_file()?;
        let id = new.id;
        let header = Header { shares_pid, ..Header::new(id, new.number) };
        let mapped = Arc::new(open(OpenOptions::new().read(true).write(true), new.path())?);
        let file = WriterFile::create(mapped, header, Arc::clone(shared), with_lock_of(Arc::clone(directory)))
            .map_err(|error| FileError::io(&directory.process(id), error))?;
        let inode = liveness.metadata().map_err(|error| FileError::io(&directory.process(id), error))?.ino();
        roster::add(&locked, id, inode, shared.inode())?;
        let staged = Mutex::new(Some(new.later()));
        let (directory, shared) = (Arc::clone(directory), Mutex::default());
        let label = header.label();
        Ok(Self { id, label, file, liveness, presence, directory, staged, shared, closed: AtomicBool::new(false) })
    }

    /// What tells the file from all others.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// The label `pid` of this process, the same for as long as it has the file.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Ends the life of this process, for others.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.closed.store(true, Release);
        self.liveness.unlock()?;
        self.presence.release();
        Ok(())
    }

    /// Says whether what is counted here is where others find it.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        let path = self.directory.process(self.id);
        let is_shown = lock(&self.staged).is_none();
        let Some(file) = self.open().filter(|_| is_shown) else { return Ok(()) };
        let fail = |error| FileError::io(&path, error);
        if !file.is_whole().map_err(fail)? {
            return Err(FileError::damaged(FormatError::truncated("it was longer before").at(&path)));
        }
        roster::check_own(
            &self.directory,
            self.id,
            self.liveness.metadata().map_err(fail)?.ino(),
            file.shared_file().inode(),
        )
    }

    /// The file, unless it belongs to others now: in a child it is the parent's.
    fn open(&self) -> Option<&WriterFile> {
        (!self.closed.load(Acquire) && !self.liveness.is_closed()).then_some(&self.file)
    }

    fn open_or_error(&self) -> Result<&WriterFile, BackendError> {
        self.open().ok_or_else(|| "the backend was closed".into())
    }
}

/// Whether a living process is called by this number alone. Under the lock, so that of two that begin at the same time one
/// sees the other.
fn has_number(locked: &DirLock<'_>, pid: u32) -> Result<bool, FileError> {
    let is_it = |path: &PathBuf| {
        let Ok(file) = open(OpenOptions::new().read(true), path) else { return false };
        let mut head = [0; Header::LEN];
        // A file that can't be read shows nothing.
        let header = file.read_exact_at(&mut head, 0).ok().and_then(|()| Header::decode(&head).ok());
        header.is_some_and(|header| header.pid == pid && !header.shares_pid)
            && matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    };
    Ok(locked.directory().process_files()?.iter().any(is_it))
}

/// Does something while the directory is locked. Called where a series is first used: in a request, unless this thread
/// loads the backend.
fn with_lock_of(directory: Arc<Directory>) -> WithDirectory {
    Box::new(move |act| {
        let most = if loader::is_loading_here() { Duration::MAX } else { wait::REQUEST };
        let _locked = wait::with_limit(most, || directory.acquire_lock()).map_err(io::Error::other)?;
        act()
    })
}

impl Arena for Process {
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page> {
        self.open()?.page(shard, page)
    }

    fn add_series(&self, series: &NewSeries<'_>) -> Result<(), BackendError> {
        self.open_or_error()?.add_series(series)
    }

    fn add_cells(&self, series: CellAddr, extra: CellAddr) -> Result<(), BackendError> {
        let file = self.open_or_error()?;
        if series.page < CellAddr::FIRST_SHARED_PAGE {
            return file.add_cells(series, extra);
        }
        let shared = &mut *lock(&self.shared);
        // Of a family that was made anew: the one before it is gone, and its work with it.
        if shared.extra_cells.insert(series, extra).is_some_and(|before| before != extra) {
            file.free_series(series);
        }
        file.add_cells(series, extra)?;
        shared.series.insert(series);
        Ok(())
    }

    fn free_series(&self, series: CellAddr) {
        let Some(file) = self.open() else { return };
        if series.page < CellAddr::FIRST_SHARED_PAGE {
            return file.free_series(series);
        }
        {
            let shared = &mut *lock(&self.shared);
            shared.extra_cells.remove(&series);
            if shared.series.remove(&series) {
                file.free_series(series);
            }
        }
        // At once, whoever has the directory: this may be somebody's request.
        file.shared_file().unset(series);
        if let Ok(Some(_locked)) = self.directory.try_acquire_lock() {
            // Should it fail, a series that shows from the start shows as zero.
            let _ = file.shared_file().remove(series);
        }
    }

    fn shares_gauges(&self) -> bool {
        !self.directory.is_spool
    }

    fn publish(&self) -> Result<(), BackendError> {
        self.open_or_error()?;
        let mut staged = lock(&self.staged);
        if let Some(paths) = &*staged {
            publish(paths)?;
        }
        *staged = None;
        Ok(())
    }

    fn shared_cells(
        &self,
        family: &Arc<FamilyKey>,
        series: &SeriesKey,
        promised: bool,
    ) -> Result<CellAddr, BackendError> {
        let file = self.open_or_error()?;
        let at = file.shared_cells(family, series, promised)?;
        let shared = &mut *lock(&self.shared);
        if shared.families.insert(family.id()) {
            file.add_series(&NewSeries { family, series, at, is_zero_series: promised })?;
            shared.series.insert(at);
        }
        Ok(at)
    }
}
