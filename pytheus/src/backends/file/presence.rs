//! Which processes use the directory, and whether all files are there that it has to have.
//!
//! Each process holds a shared [`flock`](https://man7.org/linux/man-pages/man2/flock.2.html) on the directory itself for as
//! long as it counts there. That lock outlives whatever is removed *in* the directory: a process that begins after `rm -rf DIR/*`
//! learns that others live, and that the [roster](super::roster) of their files is gone.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use super::amount::FileId;
use super::archive::Archive;
use super::common::CommonFile;
use super::directory::{Directory, Locked};
use super::error::{FileError, FileFault};
use super::fault::Skip;
use super::known::Known;
use super::roster::{Roster, inode_at};
use crate::sync::{self, CloseOnFork};

/// Says that this process uses the directory, until it is dropped. A child closes it.
#[derive(Debug)]
pub(super) struct Presence {
    file: CloseOnFork,
    owner: u32,
    /// No other process used the directory just now.
    pub(super) is_alone: bool,
}

impl Presence {
    pub(super) fn take(locked: &Locked<'_>) -> Result<Self, FileError> {
        let path = locked.directory().path();
        let fail = |error| FileError::io(path, error);
        // Or a child that is forked here would have it open for ever.
        let _inside = sync::enter();
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fail)?;
        let file = CloseOnFork::new(file).map_err(fail)?;
        let is_alone = match File::try_lock(&file) {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(FileError::lock(path, error)),
        };
        let pause = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        loop {
            // Held with others, from now on. Only for a moment, and under the lock, does one hold it alone; and so does a
            // program that cleans up, such as systemd-tmpfiles, which leaves a directory alone that is locked.
            match file.try_lock_shared() {
                Ok(()) => return Ok(Self { file, owner: process::id(), is_alone }),
                Err(TryLockError::WouldBlock) if waited < locked.directory().patience => thread::sleep(pause),
                Err(TryLockError::WouldBlock) => return Err(FileError::new(path, FileFault::Busy)),
                Err(TryLockError::Error(error)) => return Err(FileError::lock(path, error)),
            }
            waited += pause;
        }
    }
}

impl Presence {
    /// Says that this process uses the directory no more.
    pub(super) fn end(&self) {
        // Closing would do, but for a child that has it open for a moment.
        if !self.file.is_closed() && self.owner == process::id() {
            let _ = self.file.unlock();
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.end();
    }
}

/// Says whether all that the roster names was read; false when files came or went meanwhile.
///
/// Called after the archive and the files were read, and before it is seen whether the archive is still that one: if it is,
/// no file was folded meanwhile.
///
/// # Errors
///
/// When a file is missing, or another one is in its place.
pub(super) fn is_complete(
    directory: &Directory,
    archive: &Archive,
    common: &CommonFile,
    processes: &[Known],
    waits_for_new: bool,
) -> Result<bool, FileError> {
    if !directory.has_roster {
        return Ok(true);
    }
    let Some(roster) = Roster::read(directory)? else {
        return Err(FileError::new(&directory.roster(), FileFault::Lost));
    };
    let mut is_new = false;
    let mut wrong = Vec::new();
    for name in &roster.lost {
        wrong.push((directory.path().join(name), FileFault::Lost));
    }
    if archive.generation < roster.archive {
        wrong.push((directory.archive(), FileFault::Lost));
    }
    if let Some(fault) = fault_of(inode_at(&directory.common())?, roster.common, common.inode()) {
        wrong.push((directory.common(), fault));
    }
    let opened: HashMap<_, _> = processes.iter().map(|process| (process.peer.id(), process.peer.inode())).collect();
    for (id, inode) in roster.processes.iter().filter(|(id, _)| !archive.folded.contains(id)) {
        let path = directory.process(*id);
        let opened = opened.get(id).copied();
        let there = inode_at(&path)?;
        is_new |= there == Some(*inode) && opened.is_none();
        let is_pending = there.is_none() && inode_at(&directory.new_path(*id))? == Some(*inode);
        // It may have been shown to others just now.
        let there = if is_pending || there.is_some() { there } else { inode_at(&path)? };
        if !is_pending && let Some(fault) = fault_of(there, *inode, opened.unwrap_or(*inode)) {
            wrong.push((path, fault));
        }
    }
    // Each that lives is named: this roster is an old one, or of another directory.
    if processes.iter().any(|process| process.is_alive && !roster.processes.contains_key(&process.peer.id())) {
        wrong.push((directory.roster(), FileFault::Replaced));
    }
    let Some((path, fault)) = wrong.first() else { return Ok(!(is_new && waits_for_new)) };
    if !archive.is_current(directory)? || Roster::read(directory)? != Some(roster) {
        return Ok(false);
    }
    Err(FileError::new(path, *fault).and_more(wrong.len() - 1))
}

/// Says whether nothing is at a path.
pub(super) fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Says whether a file that can't be read was never one of ours: a process makes plain files. If one was there instead, the
/// roster has its name.
pub(super) fn is_foreign(skip: &Skip) -> bool {
    skip.path.symlink_metadata().is_ok_and(|there| !there.is_file())
}

/// Returns the fault of a file that should have one inode, has another at its path, and was opened with a third.
fn fault_of(there: Option<u64>, wanted: u64, opened: u64) -> Option<FileFault> {
    match there {
        None => Some(FileFault::Lost),
        Some(there) if there != wanted || opened != wanted => Some(FileFault::Replaced),
        Some(_) => None,
    }
}

/// Says whether the file of this process is where others find it, and the directory complete as far as this process knows.
pub(super) fn check_own(directory: &Directory, id: FileId, inode: u64, common: &CommonFile) -> Result<(), FileError> {
    directory.check_place()?;
    if !directory.has_roster {
        return Ok(());
    }
    let path = directory.process(id);
    let fault = match Roster::read(directory)? {
        None => Some((directory.roster(), FileFault::Lost)),
        Some(roster) => match roster.processes.get(&id) {
            // The roster is not the one that this process is in.
            Some(known) if *known == inode => {
                roster.lost.first().map(|name| (directory.path().join(name), FileFault::Lost))
            }
            _ => Some((directory.roster(), FileFault::Replaced)),
        },
    };
    let fault = fault.or(fault_of(inode_at(&path)?, inode, inode).map(|fault| (path, fault)));
    let common = (directory.common(), common.inode());
    let fault = match fault {
        Some(fault) => Some(fault),
        None => fault_of(inode_at(&common.0)?, common.1, common.1).map(|fault| (common.0, fault)),
    };
    fault.map_or(Ok(()), |(path, fault)| Err(FileError::new(&path, fault)))
}
