//! Attaches this process to a directory: its file, and the lock that says that it is live.

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
pub(crate) struct AttachedProcess {
    id: FileId,
    /// Label `pid` of this process.
    label: String,
    file: WriterFile,
    /// The lock, through a descriptor of its own: a mapping, which children inherit, would keep it.
    liveness: HeldLock,
    presence: Presence,
    directory: Arc<Directory>,
    /// Staged and public path, until the file is published.
    staged: Mutex<Option<(PathBuf, PathBuf)>>,
    shared: Mutex<SharedRecords>,
    closed: AtomicBool,
}

/// Records about shared series in the file of this process.
#[derive(Default)]
struct SharedRecords {
    /// Families with such a record, which tells others that a live process has declared them.
    families: HashSet<String>,
    /// Series with a record, of themselves or of their extra cells.
    series: HashSet<CellAddr>,
    /// Extra cells of series with work in progress.
    extra_cells: HashMap<CellAddr, CellAddr>,
}

impl AttachedProcess {
    /// Stages the file of this process. [`publish`](Arena::publish) makes it visible to others.
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
        let staged = Mutex::new(Some(new.into_paths()));
        let (directory, shared) = (Arc::clone(directory), Mutex::default());
        let label = header.label();
        Ok(Self { id, label, file, liveness, presence, directory, staged, shared, closed: AtomicBool::new(false) })
    }

    /// Returns the id of the file.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// Returns the label `pid` of this process, the same for as long as it has the file.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Releases the locks: for others, this process has ended.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.closed.store(true, Release);
        self.liveness.unlock()?;
        self.presence.release();
        Ok(())
    }

    /// Checks that others find the counts of this process.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        let path = self.directory.process(self.id);
        let is_shown = lock(&self.staged).is_none();
        let Some(file) = self.open().filter(|_| is_shown) else { return Ok(()) };
        let fail = |error| FileError::io(&path, error);
        if !file.is_whole().map_err(fail)? {
            return Err(FileError::damaged(FormatError::truncated("it was truncated").at(&path)));
        }
        roster::check_own(
            &self.directory,
            self.id,
            self.liveness.metadata().map_err(fail)?.ino(),
            file.shared_file().inode(),
        )
    }

    /// Returns the file, unless it is closed, or this is a child and the file its parent's.
    fn open(&self) -> Option<&WriterFile> {
        (!self.closed.load(Acquire) && !self.liveness.is_closed()).then_some(&self.file)
    }

    fn open_or_error(&self) -> Result<&WriterFile, BackendError> {
        self.open().ok_or_else(|| "the backend was closed".into())
    }
}

/// Says whether a live process is labelled with this process id alone. Under the lock, so that of two that start at
/// once one sees the other.
fn has_number(locked: &DirLock<'_>, pid: u32) -> Result<bool, FileError> {
    let is_it = |path: &PathBuf| {
        let Ok(file) = open(OpenOptions::new().read(true), path) else { return false };
        let mut head = [0; Header::LEN];
        // A file that can't be read has no label.
        let header = file.read_exact_at(&mut head, 0).ok().and_then(|()| Header::decode(&head).ok());
        header.is_some_and(|header| header.pid == pid && !header.shares_pid)
            && matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    };
    Ok(locked.directory().process_files()?.iter().any(is_it))
}

/// Acts under the directory lock. A series may be registered in a request, which waits less than a thread that loads
/// the backend.
fn with_lock_of(directory: Arc<Directory>) -> WithDirectory {
    Box::new(move |act| {
        let most = if loader::is_loading_here() { Duration::MAX } else { wait::REQUEST };
        let _locked = wait::with_limit(most, || directory.acquire_lock()).map_err(io::Error::other)?;
        act()
    })
}

impl Arena for AttachedProcess {
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
        // A family that was made anew: the one before it is gone, and its work with it.
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
        // Clear it at once, without the lock: this may be a request.
        file.shared_file().unset(series);
        if let Ok(Some(_locked)) = self.directory.try_acquire_lock() {
            // If this fails, a zero series shows as zero.
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
        is_zero_series: bool,
    ) -> Result<CellAddr, BackendError> {
        let file = self.open_or_error()?;
        let at = file.shared_cells(family, series, is_zero_series)?;
        let shared = &mut *lock(&self.shared);
        if shared.families.insert(family.id()) {
            file.add_series(&NewSeries { family, series, at, is_zero_series })?;
            shared.series.insert(at);
        }
        Ok(at)
    }
}
