//! What was removed is left out of the file that all processes write, when nobody has it open.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::backends::failpoint::failpoint;
use crate::backends::file::format::{FormatError, Mappings, SkippedFile};
use crate::backends::file::read::{PeerSeries, Reader, reader};
use crate::backends::file::write::{SharedFile, create_shared_file};
use crate::storage::Mapped;

/// Logs that are shorter stay as they are.
const LEAST: u64 = 64 * 1024;

/// Opens the file as [`SharedFile::open`] does, with what was removed left out, if nobody else has it open.
pub(crate) fn open(path: &Path) -> Result<SharedFile, SkippedFile> {
    let is_there = !path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let renewed = if is_there { renew(path).map_err(|fault| fault.at(path))? } else { None };
    renewed.map_or_else(|| SharedFile::open(path), Ok)
}

/// Puts a file with what is set or promised in place of one of which most was removed, if nobody has it open: else
/// nothing. The caller holds the directory's lock.
///
/// One step for all others, whatever happens to this process.
fn renew(path: &Path) -> Result<Option<SharedFile>, FormatError> {
    let mut old = Reader::new(reader::open(path)?, Mappings::new(), true)?;
    if old.file.try_lock().is_err() {
        return Ok(None);
    }
    let renewed = renew_alone(&mut old, path);
    // Closing would do, but for a child that has it open for a moment: nobody could open it then.
    old.file.unlock()?;
    renewed
}

fn renew_alone(old: &mut Reader<Mapped>, path: &Path) -> Result<Option<SharedFile>, FormatError> {
    old.refresh()?;
    let cells = |series: &PeerSeries| {
        let family = old.index.families.get(series.family as usize);
        let cells =
            old.shared_cells(series.at).unwrap_or_default().iter().take(family.map_or(0, |family| family.cells()));
        cells.map(|cell| cell.load(Acquire)).collect::<Vec<_>>()
    };
    let kept = |series: &&PeerSeries| series.promised || cells(series).iter().any(|cell| *cell != 0);
    let kept: Vec<_> = old.index.series.iter().filter(kept).collect();
    if old.cursor.offset() < LEAST || kept.len() > old.index.series.len() / 2 {
        return Ok(None);
    }
    let copy = || {
        let new = create_shared_file(path)?;
        let mut copy = SharedFile::open_as_it_is(&new)?;
        for series in &kept {
            let Some(family) = old.index.families.get(series.family as usize) else { continue };
            let at = copy.find_or_add(family, &series.key, series.promised)?;
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
    // Should there be no room, it stays as it is.
    Ok(copy().ok())
}
