//! Checks that a scrape has read all files of the roster.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use crate::backends::file::archive::Archive;
use crate::backends::file::dir::{Directory, FileError, FileFault, Roster, fault_of, inode_at};
use crate::backends::file::format::SkippedFile;
use crate::backends::file::merge::PeerRows;

/// Says whether all files of the roster were read; false when files came or went meanwhile.
///
/// The caller has read archive and files, and checks next that the archive is still current: if it is, no file was
/// folded meanwhile.
///
/// # Errors
///
/// When a file is missing, or another one is in its place.
pub(crate) fn is_complete(
    directory: &Directory,
    archive: &Archive,
    shared: u64,
    processes: &[PeerRows],
    waits_for_new: bool,
) -> Result<bool, FileError> {
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
    if let Some(fault) = fault_of(inode_at(&directory.shared_file())?, roster.shared, shared) {
        wrong.push((directory.shared_file(), fault));
    }
    let opened: HashMap<_, _> = processes.iter().map(|process| (process.peer.id(), process.peer.inode())).collect();
    for (id, inode) in roster.processes.iter().filter(|(id, _)| !archive.folded.contains(id)) {
        let path = directory.process(*id);
        let opened = opened.get(id).copied();
        let there = inode_at(&path)?;
        is_new |= there == Some(*inode) && opened.is_none();
        let is_pending = there.is_none() && inode_at(&directory.new_path(*id))? == Some(*inode);
        // The file may have been published just now.
        let there = if is_pending || there.is_some() { there } else { inode_at(&path)? };
        if !is_pending && let Some(fault) = fault_of(there, *inode, opened.unwrap_or(*inode)) {
            wrong.push((path, fault));
        }
    }
    // The roster names each live process: this one is old, or of another directory.
    if processes.iter().any(|process| process.is_live && !roster.processes.contains_key(&process.peer.id())) {
        wrong.push((directory.roster(), FileFault::Replaced));
    }
    let Some((path, fault)) = wrong.first() else { return Ok(!(is_new && waits_for_new)) };
    if !archive.is_current(directory)? || Roster::read(directory)? != Some(roster) {
        return Ok(false);
    }
    Err(FileError::new(path, *fault).and_more(wrong.len() - 1))
}

/// Says whether nothing is at a path.
pub(crate) fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Says whether an unreadable file was never one of ours: processes make plain files. If it replaced one, the roster
/// has its name.
pub(crate) fn is_foreign(skipped: &SkippedFile) -> bool {
    skipped.path.symlink_metadata().is_ok_and(|there| !there.is_file())
}
