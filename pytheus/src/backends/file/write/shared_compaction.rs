//! Compacts the shared file: leaves out removed series, while no process has it open.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::backends::failpoint::failpoint;
use crate::backends::file::format::{FormatError, Mappings, SkippedFile};
use crate::backends::file::read::{PeerSeries, Reader, reader};
use crate::backends::file::write::{SharedFile, create_shared_file};
use crate::storage::Mapped;

/// Files with shorter logs stay as they are.
const MIN_LEN: u64 = 64 * 1024;

/// Opens the shared file: made if it is missing, compacted if no other process has it open. The caller holds the directory
/// lock.
pub(crate) fn open(path: &Path) -> Result<SharedFile, SkippedFile> {
    open_or_make(path).map_err(|fault| fault.at(path))
}

fn open_or_make(path: &Path) -> Result<SharedFile, FormatError> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        fs::rename(create_shared_file(path)?, path)?;
    } else if let Some(compacted) = compact(path)? {
        return Ok(compacted);
    }
    SharedFile::open(path)
}

/// Replaces a file of which most series were removed by a copy with the others, in one step. `None` if another process
/// has it open, or little was removed. The caller holds the directory lock.
fn compact(path: &Path) -> Result<Option<SharedFile>, FormatError> {
    let mut old = Reader::new(reader::open(path)?, Mappings::new(), true)?;
    if old.file.try_lock().is_err() {
        return Ok(None);
    }
    let compacted = compact_alone(&mut old, path);
    // Unlock explicitly: a child that has it open for a moment would keep it locked.
    old.file.unlock()?;
    compacted
}

fn compact_alone(old: &mut Reader<Mapped>, path: &Path) -> Result<Option<SharedFile>, FormatError> {
    old.refresh()?;
    let cells = |series: &PeerSeries| {
        let family = old.index.families.get(series.family as usize);
        let cells =
            old.shared_cells(series.at).unwrap_or_default().iter().take(family.map_or(0, |family| family.cells()));
        cells.map(|cell| cell.load(Acquire)).collect::<Vec<_>>()
    };
    let kept = |series: &&PeerSeries| series.is_zero_series || cells(series).iter().any(|cell| *cell != 0);
    let kept: Vec<_> = old.index.series.iter().filter(kept).collect();
    if old.cursor.offset() < MIN_LEN || kept.len() > old.index.series.len() / 2 {
        return Ok(None);
    }
    let copy = || {
        let new = create_shared_file(path)?;
        let mut copy = SharedFile::open(&new)?;
        for series in &kept {
            let Some(family) = old.index.families.get(series.family as usize) else { continue };
            let at = copy.find_or_add(family, &series.key, series.is_zero_series)?;
            for (copy, cell) in copy.cells(at).iter().zip(cells(series)) {
                copy.store(cell, Release);
            }
        }
        failpoint("shared file copied");
        fs::rename(&new, path)?;
        failpoint("shared file renamed");
        path.clone_into(&mut copy.path);
        Ok::<_, FormatError>(copy)
    };
    // On a full disk, the old one stays.
    Ok(copy().ok())
}
