//! What was removed is left out of the file that all processes write, when nobody has it open.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::backends::failpoint::fault_point;
use crate::backends::file::format::error::{Fault, Skip};
use crate::backends::file::format::mappings::Maps;
use crate::backends::file::read::index::PeerSeries;
use crate::backends::file::read::reader::{self, Reading};
use crate::backends::file::write::shared_file::{CommonFile, make};
use crate::storage::Mapped;

/// Logs that are shorter stay as they are.
const LEAST: u64 = 64 * 1024;

/// Opens the file as [`CommonFile::open`] does, with what was removed left out, if nobody else has it open.
pub(crate) fn open(path: &Path) -> Result<CommonFile, Skip> {
    let is_there = !path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let renewed = if is_there { renew(path).map_err(|fault| fault.at(path))? } else { None };
    renewed.map_or_else(|| CommonFile::open(path), Ok)
}

/// Puts a file with what is set or promised in place of one of which most was removed, if nobody has it open: else
/// nothing. The caller holds the directory's lock.
///
/// One step for all others, whatever happens to this process.
fn renew(path: &Path) -> Result<Option<CommonFile>, Fault> {
    let mut old = Reading::new(reader::open(path)?, Maps::new(), true)?;
    if old.file.try_lock().is_err() {
        return Ok(None);
    }
    let renewed = renew_alone(&mut old, path);
    // Closing would do, but for a child that has it open for a moment: nobody could open it then.
    old.file.unlock()?;
    renewed
}

fn renew_alone(old: &mut Reading<Mapped>, path: &Path) -> Result<Option<CommonFile>, Fault> {
    old.refresh()?;
    let cells = |series: &PeerSeries| {
        let family = old.contents.families.get(series.family as usize);
        let cells =
            old.shared_cells(series.at).unwrap_or_default().iter().take(family.map_or(0, |family| family.cells()));
        cells.map(|cell| cell.load(Acquire)).collect::<Vec<_>>()
    };
    let kept = |series: &&PeerSeries| series.promised || cells(series).iter().any(|cell| *cell != 0);
    let kept: Vec<_> = old.contents.series.iter().filter(kept).collect();
    if old.cursor.passed() < LEAST || kept.len() > old.contents.series.len() / 2 {
        return Ok(None);
    }
    let copy = || {
        let new = make(path)?;
        let mut copy = CommonFile::open_as_it_is(&new)?;
        for series in &kept {
            let Some(family) = old.contents.families.get(series.family as usize) else { continue };
            let at = copy.find_or_add(family, &series.key, series.promised)?;
            for (copy, cell) in copy.cells(at).iter().zip(cells(series)) {
                copy.store(cell, Release);
            }
        }
        fault_point("common copied");
        fs::rename(&new, path)?;
        fault_point("common renamed");
        path.clone_into(&mut copy.path);
        Ok::<_, Fault>(copy)
    };
    // Should there be no room, it stays as it is.
    Ok(copy().ok())
}
