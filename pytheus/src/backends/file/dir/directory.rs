//! The directory that processes share, and its lock.
//!
//! | file | written by | how |
//! |---|---|---|
//! | `lock` | lock holder | holds the number of the last process; its `flock` is the directory lock |
//! | `process-<id>` | one process | by its owner, which keeps it locked for life |
//! | `shared` | all processes | appended to under the lock |
//! | `archive`, `roster` | lock holder | replaced under the lock |
//! | `new-<id>` | one process | staged: not visible to others yet |
//! | `archive-new`, `new-shared`, `new-roster` | lock holder | staged |
//!
//! A lock holder removes staged files without a live process. The kernel frees the lock of a process that ends.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::backends::config::shape::existing;
use crate::backends::failpoint::failpoint;
use crate::backends::file::dir::{FileError, FileFault, HeldLock, create, create_as_we_are, is_at, open_or_create};
use crate::backends::file::format::FileId;
use crate::backends::runtime::wait;
use crate::sync;

/// Time for which a lock is awaited. It is held for milliseconds; for longer only by a stopped process, or on a slow
/// machine.
const WAIT_LIMIT: Duration = Duration::from_secs(2);
/// The same for a process that starts: without the lock, its counts would be invisible to others.
const STARTUP_WAIT_LIMIT: Duration = Duration::from_secs(10);

const PROCESS: &str = "process-";
pub(crate) const NEW: &str = "new-";
pub(crate) const NEW_ARCHIVE: &str = "archive-new";

/// A directory that was checked.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Kept open, so that no other directory gets its inode.
    file: File,
    pub(crate) wait_limit: Duration,
    /// Whether counts are sent elsewhere, and neither shared nor added up here. A spool has no roster.
    pub(crate) is_spool: bool,
}

impl Directory {
    /// Opens the directory, or makes it.
    ///
    /// Refuses one of another user, or with other users' write permission, unless `allow_others`.
    pub(crate) fn open(path: &Path, allow_others: bool) -> Result<Self, FileError> {
        let fail = |error| FileError::io(path, error);
        match fs::symlink_metadata(path) {
            // Show no more of a missing path than its existing part: it may be a secret in the wrong place.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(path).map_err(|error| error.at(existing(path)))?;
            }
            Err(error) => return Err(FileError::io(existing(path), error)),
            Ok(found) if found.is_symlink() => return Err(FileError::new(path, FileFault::Symlink)),
            Ok(found) if !found.is_dir() => return Err(FileError::new(path, FileFault::NotADirectory)),
            Ok(_) => {}
        }
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fail)?;
        let metadata = opened.metadata().map_err(fail)?;
        // Later changes of the working directory don't matter.
        let path = fs::canonicalize(path).map_err(fail)?;
        let directory = Self { path, file: opened, wait_limit: WAIT_LIMIT, is_spool: false };
        directory.check(&metadata, allow_others)?;
        Ok(directory)
    }

    fn check(&self, metadata: &Metadata, allow_others: bool) -> Result<(), FileError> {
        let mode = metadata.mode() & 0o7777;
        if mode & 0o022 != 0 && !allow_others {
            return Err(FileError::new(&self.path, FileFault::OthersWrite { mode }));
        }
        // A file that is made here has the user of this process.
        let path = self.new_path(FileId::random());
        let fail = |error| FileError::io(&path, error);
        let user = create_as_we_are(&path).and_then(|file| file.metadata().map_err(fail)).map(|made| made.uid());
        let _ = fs::remove_file(&path);
        match user {
            Ok(user) if user != metadata.uid() && !allow_others => {
                Err(FileError::new(&self.path, FileFault::NotOurs { owner: metadata.uid(), user }))
            }
            Ok(_) => Ok(()),
            // Name the directory, not the file: its permissions are at fault.
            Err(error) => Err(error.at(&self.path)),
        }
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn shared_file(&self) -> PathBuf {
        self.path.join("shared")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.path.join("archive")
    }

    /// Returns the path of a staged archive.
    pub(crate) fn new_archive(&self) -> PathBuf {
        self.path.join(NEW_ARCHIVE)
    }

    pub(crate) fn roster(&self) -> PathBuf {
        self.path.join("roster")
    }

    /// Returns the path of a staged roster.
    pub(crate) fn new_roster(&self) -> PathBuf {
        self.path.join("new-roster")
    }

    pub(crate) fn process(&self, id: FileId) -> PathBuf {
        self.path.join(format!("{PROCESS}{id}"))
    }

    /// Returns the path of a staged file of a process.
    pub(crate) fn new_path(&self, id: FileId) -> PathBuf {
        self.path.join(format!("{NEW}{id}"))
    }

    /// Acquires the directory lock, which another process or thread may hold.
    pub(crate) fn acquire_lock(&self) -> Result<DirLock<'_>, FileError> {
        self.lock_within(self.wait_limit)
    }

    /// The same, for a process that starts.
    pub(crate) fn lock_at_startup(&self) -> Result<DirLock<'_>, FileError> {
        self.lock_within(STARTUP_WAIT_LIMIT)
    }

    fn lock_within(&self, most: Duration) -> Result<DirLock<'_>, FileError> {
        // A request waits in a queue that moves, but not for a process that keeps the lock.
        let still = wait::limited(most);
        let (mut waited, mut pause) = (Duration::ZERO, Duration::from_micros(50));
        let (mut changed, mut changed_at) = (self.changed(), Duration::ZERO);
        loop {
            if let Some(locked) = self.try_acquire_lock()? {
                wait::record_queue_move();
                return Ok(locked);
            }
            if self.changed() != changed {
                (changed, changed_at) = (self.changed(), waited);
                wait::record_queue_move();
            }
            // Poll instead of `File::lock`: a stopped lock holder would block all others.
            if waited > most.min(still * 8) || waited.saturating_sub(changed_at) > still {
                return Err(FileError::new(&self.path.join("lock"), FileFault::Busy));
            }
            thread::sleep(pause);
            waited += pause;
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    /// Returns the time of the last change: each lock holder makes a file, or removes one.
    fn changed(&self) -> Option<(i64, i64)> {
        fs::metadata(&self.path).ok().map(|found| (found.mtime(), found.mtime_nsec()))
    }

    /// Acquires the directory lock, unless it is held.
    pub(crate) fn try_acquire_lock(&self) -> Result<Option<DirLock<'_>>, FileError> {
        let path = self.path.join("lock");
        loop {
            self.check_current()?;
            // A child that is forked here would keep the file open, and the lock, for ever.
            let _inside = sync::enter();
            // Opened anew: threads that shared an open file would all hold the lock.
            let file = open_or_create(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(FileError::lock(&path, error)),
            }
            // If the file was replaced, others lock the new one.
            if is_at(&file, &path)? {
                let file = HeldLock::new(file).map_err(|error| FileError::io(&path, error))?;
                return Ok(Some(DirLock { directory: self, file }));
            }
        }
    }

    /// Lists the published files of processes.
    pub(crate) fn list(&self) -> Result<Vec<(FileId, PathBuf)>, FileError> {
        let mut found = self.names()?;
        // A directory that was removed reads as empty.
        self.check_current()?;
        found.retain(|name| name.starts_with(PROCESS));
        let ids = found.iter().filter_map(|name| FileId::parse(name.strip_prefix(PROCESS)?));
        Ok(ids.map(|id| (id, self.process(id))).collect())
    }

    /// Lists the files of processes, published or staged.
    pub(crate) fn process_files(&self) -> Result<Vec<PathBuf>, FileError> {
        let names = self.names()?.into_iter();
        let is_one = |name: &String| {
            let id = name.strip_prefix(PROCESS).or_else(|| name.strip_prefix(NEW));
            id.and_then(FileId::parse).is_some()
        };
        Ok(names.filter(is_one).map(|name| self.path.join(name)).collect())
    }

    pub(crate) fn names(&self) -> Result<Vec<String>, FileError> {
        let fail = |error| FileError::io(&self.path, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(fail)? {
            // Files with other names are not ours.
            names.extend(entry.map_err(fail)?.file_name().into_string());
        }
        Ok(names)
    }

    /// Refuses a directory that was replaced or removed.
    pub(crate) fn check_current(&self) -> Result<(), FileError> {
        if is_at(&self.file, &self.path)? { Ok(()) } else { Err(FileError::new(&self.path, FileFault::Gone)) }
    }
}

/// Makes a directory for this user alone.
fn make(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        // On a pseudo file system.
        ErrorKind::NotFound => FileError::new(path, FileFault::Other),
        _ => FileError::io(path, error),
    })?;
    // The umask may have taken permissions away. The caller checks the owner next.
    let _ = fs::set_permissions(path, Permissions::from_mode(0o700));
    Ok(())
}

/// A directory that this thread has locked, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct DirLock<'a> {
    directory: &'a Directory,
    file: HeldLock,
}

impl<'a> DirLock<'a> {
    /// Refuses a lock file that was replaced.
    pub(crate) fn check_current(&self) -> Result<(), FileError> {
        let path = self.directory.path.join("lock");
        if is_at(&self.file, &path)? { Ok(()) } else { Err(FileError::new(&path, FileFault::Busy)) }
    }

    pub(crate) fn directory(&self) -> &'a Directory {
        self.directory
    }

    /// Stages the file of a process, empty and locked. It is invisible to others until it is [published](publish).
    pub(crate) fn create_process_file(&self) -> Result<(HeldLock, StagedFile<'_>), FileError> {
        let number = self.next_number()?;
        let id = FileId::random();
        let new = StagedFile { locked: self, path: self.directory.new_path(id), published: false, id, number };
        let liveness = HeldLock::take(&new.path, || {
            let file = create(&new.path)?;
            failpoint("file made");
            Ok(file)
        })?;
        failpoint("file locked");
        Ok((liveness, new))
    }

    /// Returns the start number of a process, which counts up.
    fn next_number(&self) -> Result<u64, FileError> {
        let fail = |error| FileError::io(&self.directory.path.join("lock"), error);
        let mut line = [0; 32];
        let len = self.file.read_at(&mut line, 0).map_err(fail)?;
        // Any other text is not ours.
        let text = line[..len].split(|byte| *byte == b'\n').next().and_then(|text| str::from_utf8(text).ok());
        let last: u64 = text.and_then(|text| text.parse().ok()).unwrap_or(0);
        let next = last.saturating_add(1);
        // Of constant length, so that nothing of the old number stays.
        self.file.write_all_at(format!("{next:020}\n").as_bytes(), 0).map_err(fail)?;
        failpoint("number taken");
        Ok(next)
    }
}

/// A file of a process that is invisible to others. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct StagedFile<'a> {
    locked: &'a DirLock<'a>,
    path: PathBuf,
    published: bool,
    /// Id of the file.
    pub(crate) id: FileId,
    /// Start number of the process.
    pub(crate) number: u64,
}

impl StagedFile<'_> {
    /// Returns the staged path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the staged and the public path, for a later [`publish`].
    pub(crate) fn into_paths(mut self) -> (PathBuf, PathBuf) {
        failpoint("file written");
        self.published = true;
        (self.path.clone(), self.locked.directory.process(self.id))
    }
}

/// Publishes a staged file, by renaming it.
pub(crate) fn publish((staged, path): &(PathBuf, PathBuf)) -> Result<(), FileError> {
    fs::rename(staged, path).map_err(|error| FileError::io(path, error))?;
    failpoint("file published");
    Ok(())
}

impl Drop for StagedFile<'_> {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.path);
        }
    }
}
