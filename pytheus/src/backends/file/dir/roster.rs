//! The roster: the files that have to exist, so that a loss is noticed.
//!
//! A directory can't tell an archived file from one that somebody removed. The roster names each process from the
//! making of its file until the archive has its counts, with the
//! [inode](https://man7.org/linux/man-pages/man7/inode.7.html) of the file; the generation of the archive; and the
//! inode of `shared`:
//!
//! ```text
//! pytheus roster 2 <checksum of the rest>
//! archive <generation>
//! shared <inode>
//! process <id> <inode>
//! lost <name>
//! ```
//!
//! A line `lost` records a loss that a process found when it started. It stays until somebody removes the roster.
//!
//! The roster is replaced as a whole, under the lock, in this order:
//!
//! 1. A process stages its file, adds it to the roster, and publishes it.
//! 2. A fold writes the archive, removes the files, and takes them off the roster. The archive names a folded file
//!    until the roster no longer does.
//! 3. A staged file without a live process is taken off the roster, then removed.
//!
//! After a crash at any point, a file on the roster exists, is staged, or is named by the archive.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::backends::failpoint::failpoint;
use crate::backends::file::dir::{
    DirLock, Directory, FileError, FileFault, NEW, NEW_ARCHIVE, open, remove_file, stage,
};
use crate::backends::file::format::{FileId, FormatError, crc32};

const TITLE: &str = "pytheus roster 2 ";
const OLDER_TITLE: &str = "pytheus roster 1 ";

/// The files that have to exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roster {
    /// Generation that the archive has at least.
    pub(crate) archive: u64,
    /// Inode of the shared file; 0 if there is none.
    pub(crate) shared: u64,
    /// Inode of the file of each process.
    pub(crate) processes: BTreeMap<FileId, u64>,
    /// Names of files that were lost when a process started.
    pub(crate) lost: BTreeSet<String>,
}

impl Roster {
    /// Reads the roster; `None` if there is none, as in a spool.
    pub(crate) fn read(directory: &Directory) -> Result<Option<Self>, FileError> {
        if directory.is_spool {
            return Ok(None);
        }
        let path = directory.roster();
        let file = match open(OpenOptions::new().read(true), &path) {
            Ok(file) => file,
            Err(error) if error.fault() == FileFault::Gone => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        let damaged = |what: String| FileError::damaged(FormatError::corrupt(what).at(&path));
        (&file).read_to_string(&mut text).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => damaged(error.to_string()),
            _ => FileError::io(&path, error),
        })?;
        if text.starts_with(OLDER_TITLE) {
            return Err(FileError::new(&path, FileFault::OlderVersion));
        }
        Self::parse(&text).map(Some).ok_or_else(|| damaged("its lines are not those of a roster".to_owned()))
    }

    /// Replaces the roster in one step.
    pub(crate) fn write(&self, locked: &DirLock<'_>) -> Result<(), FileError> {
        let (new, path) = (locked.directory().new_roster(), locked.directory().roster());
        let fail = |error| FileError::io(&path, error);
        stage(&new, |file| {
            failpoint("roster made");
            file.write_all(self.text().as_bytes()).map_err(fail)?;
            failpoint("roster written");
            fs::rename(&new, &path).map_err(fail)
        })?;
        failpoint("roster renamed");
        Ok(())
    }

    fn text(&self) -> String {
        let mut lines = format!("archive {}\nshared {}\n", self.archive, self.shared);
        // Writing to a string does not fail.
        for (id, inode) in &self.processes {
            let _ = writeln!(lines, "process {id} {inode}");
        }
        for name in &self.lost {
            let _ = writeln!(lines, "lost {name}");
        }
        format!("{TITLE}{:08x}\n{lines}", crc32(&[lines.as_bytes()]))
    }

    fn parse(text: &str) -> Option<Self> {
        let (checksum, lines) = text.strip_prefix(TITLE)?.split_once('\n')?;
        if u32::from_str_radix(checksum, 16).ok()? != crc32(&[lines.as_bytes()]) {
            return None;
        }
        let mut roster = Self::default();
        for line in lines.lines() {
            let (kind, rest) = line.split_once(' ')?;
            match kind {
                "archive" => roster.archive = rest.parse().ok()?,
                "shared" => roster.shared = rest.parse().ok()?,
                "process" => {
                    let (id, inode) = rest.split_once(' ')?;
                    roster.processes.insert(FileId::parse(id)?, inode.parse().ok()?);
                }
                "lost" => {
                    roster.lost.insert(rest.to_owned());
                }
                _ => return None,
            }
        }
        Some(roster)
    }
}

/// Brings the roster up to date with the directory, before a process makes anything there. `is_alone`: no other process
/// uses the directory.
///
/// Inodes that changed while no process used the directory, as in a copy of it, are accepted.
pub(crate) fn begin(locked: &DirLock<'_>, is_alone: bool) -> Result<(), FileError> {
    let directory = locked.directory();
    if directory.is_spool {
        return Ok(());
    }
    let known = Roster::read(directory)?;
    let mut roster = match &known {
        Some(known) => known.clone(),
        None if is_alone => present(directory)?,
        // Files of live processes may be lost, too: no process can tell.
        None => Roster { lost: BTreeSet::from(["roster".to_owned()]), ..present(directory)? },
    };
    if is_alone {
        // The lost files were of processes that have ended since.
        roster.lost.remove("roster");
        for (id, inode) in &mut roster.processes {
            *inode = inode_at(&directory.process(*id))?.unwrap_or(*inode);
        }
    }
    let shared = inode_at(&directory.shared_file())?;
    let is_lost = match shared {
        None => roster.shared != 0,
        Some(shared) => roster.shared != 0 && roster.shared != shared && !is_alone,
    };
    if is_lost {
        roster.lost.insert("shared".to_owned());
    }
    roster.shared = shared.unwrap_or_default();
    if known.as_ref() == Some(&roster) { Ok(()) } else { roster.write(locked) }
}

/// Lists the files of a directory without a roster.
fn present(directory: &Directory) -> Result<Roster, FileError> {
    let mut roster = Roster::default();
    for (id, path) in directory.list()? {
        if let Some(inode) = inode_at(&path)? {
            roster.processes.insert(id, inode);
        }
    }
    Ok(roster)
}

/// Changes the roster, if there is one.
pub(crate) fn change(locked: &DirLock<'_>, change: impl FnOnce(&mut Roster)) -> Result<(), FileError> {
    let directory = locked.directory();
    // A missing roster is lost. Only a process that starts makes a new one, with a line `lost`.
    let Some(known) = Roster::read(directory)? else { return Ok(()) };
    let mut roster = known.clone();
    change(&mut roster);
    if roster == known { Ok(()) } else { roster.write(locked) }
}

/// Adds a process, before its file is published, and the shared file.
pub(crate) fn add(locked: &DirLock<'_>, id: FileId, inode: u64, shared: u64) -> Result<(), FileError> {
    if Roster::read(locked.directory())?.is_none() {
        begin(locked, false)?;
    }
    change(locked, |roster| {
        roster.processes.insert(id, inode);
        if roster.shared == 0 {
            roster.shared = shared;
        }
    })
}

/// Returns the processes on the roster. The caller holds the lock.
pub(crate) fn processes(locked: &DirLock<'_>) -> Result<Vec<FileId>, FileError> {
    let directory = locked.directory();
    Ok(Roster::read(directory)?.map(|roster| roster.processes.into_keys().collect()).unwrap_or_default())
}

/// Removes staged files without a live process.
pub(crate) fn clean(locked: &DirLock<'_>) -> Result<(), FileError> {
    let directory = locked.directory();
    let mut left = directory.names()?;
    left.retain(|name| {
        let is_new = name.starts_with(NEW) || *name == NEW_ARCHIVE;
        // A staged file is locked from its making, under the directory lock, on.
        let is_left = || match open(OpenOptions::new().read(true), &directory.path().join(name)) {
            Ok(file) => !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            // A file that has just been published is gone here, and stays on the roster.
            Err(error) => error.fault() != FileFault::Gone,
        };
        is_new && is_left()
    });
    let ids: Vec<_> = left.iter().filter_map(|name| FileId::parse(name.strip_prefix(NEW)?)).collect();
    if !ids.is_empty() {
        change(locked, |roster| roster.processes.retain(|id, _| !ids.contains(id)))?;
    }
    left.iter().try_for_each(|name| remove_file(&directory.path().join(name)))
}

/// Records the generation of the archive, and takes folded files off the roster.
pub(crate) fn record_archive(locked: &DirLock<'_>, generation: u64, folded: &HashSet<FileId>) -> Result<(), FileError> {
    let directory = locked.directory();
    change(locked, |roster| {
        roster.archive = generation;
        // A file that could not be removed stays, and the archive names it.
        roster.processes.retain(|id, _| !folded.contains(id) || !matches!(inode_at(&directory.process(*id)), Ok(None)));
    })
}

/// Says whether an archive of this generation, or none, is older than the last one. The caller holds the lock.
pub(crate) fn archive_is_lost(directory: &Directory, generation: u64) -> Result<bool, FileError> {
    Ok(Roster::read(directory)?.is_some_and(|roster| generation < roster.archive))
}

/// Returns the inode of the plain file at a path; `None` if there is none.
pub(crate) fn inode_at(path: &Path) -> Result<Option<u64>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_file().then(|| found.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::io(path, error)),
    }
}

/// Returns the fault of a file, by the inode at its path, the wanted one, and that of the open file.
pub(crate) fn fault_of(there: Option<u64>, wanted: u64, opened: u64) -> Option<FileFault> {
    match there {
        None => Some(FileFault::Lost),
        Some(there) if there != wanted || opened != wanted => Some(FileFault::Replaced),
        Some(_) => None,
    }
}

/// Checks that others find the file of this process, and that nothing is lost as far as it knows.
pub(crate) fn check_own(directory: &Directory, id: FileId, inode: u64, shared: u64) -> Result<(), FileError> {
    directory.check_current()?;
    if directory.is_spool {
        return Ok(());
    }
    let path = directory.process(id);
    let fault = match Roster::read(directory)? {
        None => Some((directory.roster(), FileFault::Lost)),
        Some(roster) => match roster.processes.get(&id) {
            // This process is not on that roster.
            Some(known) if *known == inode => {
                roster.lost.first().map(|name| (directory.path().join(name), FileFault::Lost))
            }
            _ => Some((directory.roster(), FileFault::Replaced)),
        },
    };
    let fault = fault.or(fault_of(inode_at(&path)?, inode, inode).map(|fault| (path, fault)));
    let shared = (directory.shared_file(), shared);
    let fault = match fault {
        Some(fault) => Some(fault),
        None => fault_of(inode_at(&shared.0)?, shared.1, shared.1).map(|fault| (shared.0, fault)),
    };
    fault.map_or(Ok(()), |(path, fault)| Err(FileError::new(&path, fault)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_reads_back_and_a_flipped_bit_is_refused() {
        let roster = Roster {
            archive: 7,
            shared: 12,
            processes: BTreeMap::from([(FileId(1), 2), (FileId(u128::MAX), 3)]),
            lost: BTreeSet::from(["shared".to_owned()]),
        };
        let text = roster.text();
        assert_eq!(Roster::parse(&text), Some(roster));
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = String::from_utf8(bytes).ok();
            // The digits of the checksum may be upper case.
            let is_same = changed.as_ref().is_some_and(|changed| changed.eq_ignore_ascii_case(&text));
            assert!(is_same || changed.is_none_or(|changed| Roster::parse(&changed).is_none()), "bit {bit}");
        }
        for len in 0..text.len() {
            assert_eq!(Roster::parse(&text[..len]), None, "{len} bytes");
        }
    }
}
