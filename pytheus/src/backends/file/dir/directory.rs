//! The directory that the processes share, and the lock under which files in it come and go.
//!
//! | file | whose | changed |
//! |---|---|---|
//! | `lock` | all processes | locked by who changes what is below, for a moment; holds the number of the last process |
//! | `process-<id>` | one process | by its owner alone, who keeps it locked for life |
//! | `shared` | all processes | appended to under the lock |
//! | `archive` | all processes | replaced under the lock |
//! | `roster` | all processes | replaced under the lock; names what has to be there |
//! | `new-<id>` | one process | as `process-<id>`, but not there yet, for others |
//! | `archive-new`, `new-shared`, `new-roster` | who holds the lock | not there yet, for others |
//!
//! What is not there yet is removed by who finds it under the lock, unless it belongs to a process that lives.
//!
//! The lock is an `flock`, too: a process that dies while it holds it frees it.

use std::fs::{self, DirBuilder, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::backends::config::shape::existing;
use crate::backends::failpoint::failpoint;
use crate::backends::file::dir::{FileError, FileFault, HeldLock, Identity, create, create_as_we_are, open_or_create};
use crate::backends::file::format::FileId;
use crate::backends::runtime::wait;
use crate::sync;

/// How long the lock is waited for, without the time for which the machine does something else: who has the lock may have to
/// wait for that, too. It is held for milliseconds; for longer by a process that is stopped.
const WAIT_LIMIT: Duration = Duration::from_secs(2);
/// The same for a process that begins: without the lock, nobody else would see what it counts.
const STARTUP_WAIT_LIMIT: Duration = Duration::from_secs(10);

const PROCESS: &str = "process-";
pub(crate) const NEW: &str = "new-";
pub(crate) const NEW_ARCHIVE: &str = "archive-new";

/// A directory that was checked.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Open, so that no other directory gets its number while this one is in use.
    identity: Identity,
    pub(crate) wait_limit: Duration,
    /// Whether counts are sent elsewhere, and neither shared nor added up here: there is no roster then.
    pub(crate) is_spool: bool,
}

impl Directory {
    /// Opens the directory, which is made if there is none.
    ///
    /// It should belong to the user of this process, and nobody else should be able to write to it, unless
    /// `allow_others`.
    pub(crate) fn open(path: &Path, allow_others: bool) -> Result<Self, FileError> {
        let fail = |error| FileError::io(path, error);
        match fs::symlink_metadata(path) {
            // Of what is not there, no more is shown than where it would be: it may be a secret in the wrong place.
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
        let identity = Identity::of(opened).map_err(|error| FileError::io(&path, error))?;
        let directory = Self { path, identity, wait_limit: WAIT_LIMIT, is_spool: false };
        directory.check(&metadata, allow_others)?;
        Ok(directory)
    }

    fn check(&self, metadata: &Metadata, allow_others: bool) -> Result<(), FileError> {
        let mode = metadata.mode() & 0o7777;
        if mode & 0o022 != 0 && !allow_others {
            return Err(FileError::new(&self.path, FileFault::OthersWrite { mode }));
        }
        // Says whether files can be made here, and whose they are.
        let path = self.new_path(FileId::random());
        let fail = |error| FileError::io(&path, error);
        let user = create_as_we_are(&path).and_then(|file| file.metadata().map_err(fail)).map(|made| made.uid());
        let _ = fs::remove_file(&path);
        match user {
            Ok(user) if user != metadata.uid() && !allow_others => {
                Err(FileError::new(&self.path, FileFault::NotOurs { owner: metadata.uid(), user }))
            }
            Ok(_) => Ok(()),
            // The directory is what must change.
            Err(error) => Err(error.at(&self.path)),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn shared_file(&self) -> PathBuf {
        self.path.join("shared")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.path.join("archive")
    }

    /// The archive that is to take its place.
    pub(crate) fn new_archive(&self) -> PathBuf {
        self.path.join(NEW_ARCHIVE)
    }

    pub(crate) fn roster(&self) -> PathBuf {
        self.path.join("roster")
    }

    /// The roster that is to take its place.
    pub(crate) fn new_roster(&self) -> PathBuf {
        self.path.join("new-roster")
    }

    pub(crate) fn process(&self, id: FileId) -> PathBuf {
        self.path.join(format!("{PROCESS}{id}"))
    }

    /// Where the file of a process is until others may see it.
    pub(crate) fn new_path(&self, id: FileId) -> PathBuf {
        self.path.join(format!("{NEW}{id}"))
    }

    /// Locks the directory, once whoever has locked it is done: another process, or another thread.
    pub(crate) fn acquire_lock(&self) -> Result<DirLock<'_>, FileError> {
        self.lock_within(self.wait_limit)
    }

    /// The same, for a process that begins.
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
            // Not `File::lock`: a process that is stopped while it holds the lock would stop all others.
            if waited > most.min(still * 8) || waited.saturating_sub(changed_at) > still {
                return Err(FileError::new(&self.path.join("lock"), FileFault::Busy));
            }
            thread::sleep(pause);
            waited += pause;
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    /// When a file has come or gone last: each process that has the lock makes one, or takes one away.
    fn changed(&self) -> Option<(i64, i64)> {
        fs::metadata(&self.path).ok().map(|found| (found.mtime(), found.mtime_nsec()))
    }

    /// Locks the directory, unless it is locked.
    pub(crate) fn try_acquire_lock(&self) -> Result<Option<DirLock<'_>>, FileError> {
        let path = self.path.join("lock");
        loop {
            self.check_place()?;
            // Or a child that is forked here would have the file open, and the lock, for ever.
            let _inside = sync::enter();
            // Opened anew: with the same open file, each thread would have the lock.
            let file = open_or_create(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(FileError::lock(&path, error)),
            }
            let file = Identity::of(file).map_err(|error| FileError::io(&path, error))?;
            // Another file would be locked by others.
            if file.is_at(&path).map_err(|error| FileError::io(&path, error))? {
                let file = HeldLock::new(file.into_file()).map_err(|error| FileError::io(&path, error))?;
                return Ok(Some(DirLock { directory: self, file }));
            }
        }
    }

    /// The files of processes, living and dead.
    pub(crate) fn list(&self) -> Result<Vec<(FileId, PathBuf)>, FileError> {
        let mut found = self.names()?;
        // Had it been removed, it would look empty.
        self.check_place()?;
        found.retain(|name| name.starts_with(PROCESS));
        let ids = found.iter().filter_map(|name| FileId::parse(name.strip_prefix(PROCESS)?));
        Ok(ids.map(|id| (id, self.process(id))).collect())
    }

    /// The files of processes, those that others don't see yet included.
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
            // The names of our files are plain; other files are none of our business.
            names.extend(entry.map_err(fail)?.file_name().into_string());
        }
        Ok(names)
    }

    /// Is it still this directory that is there?
    pub(crate) fn check_place(&self) -> Result<(), FileError> {
        match self.identity.is_at(&self.path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(FileError::new(&self.path, FileFault::Gone)),
            Err(error) => Err(FileError::io(&self.path, error)),
        }
    }
}

/// Makes a directory for this user alone.
fn make(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        // In what is no real file system.
        ErrorKind::NotFound => FileError::new(path, FileFault::Other),
        _ => FileError::io(path, error),
    })?;
    // Whatever the umask has taken away. Should it be somebody else's by now, that is found next.
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
    /// Says whether the lock is still the one that others take.
    pub(crate) fn check_place(&self) -> Result<(), FileError> {
        let path = self.directory.path.join("lock");
        let fail = |error| FileError::io(&path, error);
        let own = self.file.metadata().map_err(fail)?;
        match fs::symlink_metadata(&path) {
            Ok(there) if (there.dev(), there.ino()) == (own.dev(), own.ino()) => Ok(()),
            Ok(_) => Err(FileError::new(&path, FileFault::Busy)),
            Err(error) => Err(fail(error)),
        }
    }

    pub(crate) fn directory(&self) -> &'a Directory {
        self.directory
    }

    /// Begins the file of a process, empty and locked. Others don't see it until it is [published](StagedFile::publish).
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

    /// The number of a process: the later it began, the higher.
    fn next_number(&self) -> Result<u64, FileError> {
        let fail = |error| FileError::io(&self.directory.path.join("lock"), error);
        let mut line = [0; 32];
        let len = self.file.read_at(&mut line, 0).map_err(fail)?;
        // Anything else was written by nobody of us.
        let text = line[..len].split(|byte| *byte == b'\n').next().and_then(|text| str::from_utf8(text).ok());
        let last: u64 = text.and_then(|text| text.parse().ok()).unwrap_or(0);
        let next = last.saturating_add(1);
        // As long as any, so that the new number leaves nothing of the old one.
        self.file.write_all_at(format!("{next:020}\n").as_bytes(), 0).map_err(fail)?;
        failpoint("number taken");
        Ok(next)
    }
}

/// The file of a process, which others can't see yet. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct StagedFile<'a> {
    locked: &'a DirLock<'a>,
    path: PathBuf,
    published: bool,
    /// What tells the file from all others.
    pub(crate) id: FileId,
    /// The number of the process.
    pub(crate) number: u64,
}

impl StagedFile<'_> {
    /// Where the file is now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// To be shown to others later, when the directory is not locked any more.
    pub(crate) fn later(mut self) -> (PathBuf, PathBuf) {
        failpoint("file written");
        self.published = true;
        (self.path.clone(), self.locked.directory.process(self.id))
    }
}

/// Shows a file to others that was made before; see [`StagedFile::later`].
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
