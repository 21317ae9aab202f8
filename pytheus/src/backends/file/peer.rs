//! The file of a process, as others read it.

use std::cell::Cell;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::fence;

use super::amount::{Amount, FileId};
pub(super) use super::contents::PeerSeries;
use super::fault::{Fault, Skip};
use super::maps::Maps;
use super::reading::{self, Reading};
use crate::backends::{At, FamilyKey};
use crate::descriptor::Kind;
use crate::storage::Mapped;

/// The file of a process, as others read it.
pub(super) struct Peer {
    path: PathBuf,
    reading: Reading<Mapped>,
    /// Saves allocations.
    scratch: Cell<(Vec<u64>, Vec<u64>)>,
}

impl Peer {
    /// Opens a file and reads what is in it.
    pub(super) fn open(path: &Path) -> Result<Self, Skip> {
        let peer = reading::open(path).and_then(|file| Self::of(file, path));
        peer.map_err(|fault| fault.at(path))
    }

    fn of(file: File, path: &Path) -> Result<Self, Fault> {
        let mut reading = Reading::new(file, Maps::new(), false)?;
        reading.refresh()?;
        Ok(Self { path: path.to_owned(), reading, scratch: Cell::default() })
    }

    /// Reads what is new in the log; says whether anything is. Once there was an error, there is no other answer.
    pub(super) fn refresh(&mut self) -> Result<bool, Skip> {
        self.reading.refresh().map_err(|fault| fault.at(&self.path))
    }

    /// Where the file was found.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells it from all others.
    pub(super) fn id(&self) -> FileId {
        self.reading.header.id
    }

    /// In the order in which processes were born.
    pub(super) fn number(&self) -> u64 {
        self.reading.header.number
    }

    /// The process that has made it.
    pub(super) fn pid(&self) -> u32 {
        self.reading.header.pid
    }

    /// When it was made, in nanoseconds since 1970.
    pub(super) fn started(&self) -> u64 {
        self.reading.header.started
    }

    /// Does the process live?
    pub(super) fn is_alive(&self) -> io::Result<bool> {
        match self.reading.file.try_lock_shared() {
            Ok(()) => self.reading.file.unlock().map(|()| false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Its families, by their number in the file.
    pub(super) fn families(&self) -> &[Arc<FamilyKey>] {
        &self.reading.contents.families
    }

    /// Its series, by their number in the file; also those that have ended.
    pub(super) fn series(&self) -> &[PeerSeries] {
        &self.reading.contents.series
    }

    /// The number of the series that begins there, if it has not ended.
    pub(super) fn series_at(&self, at: At) -> Option<usize> {
        self.reading.contents.at(at)
    }

    /// A series that has not ended, with its family.
    #[inline]
    fn live(&self, series: usize) -> Option<(&PeerSeries, &FamilyKey)> {
        let series = self.series().get(series).filter(|series| !series.ended)?;
        Some((series, self.families().get(series.family as usize)?))
    }

    /// Adds the parts of a series, as many as the width of its family, which [adds up](crate::backends::Combine::Add).
    /// Nothing for others, and for one that has ended.
    pub(super) fn read(&self, series: usize, parts: &mut [Amount]) {
        let Some((series, family)) = self.live(series) else { return };
        match (family.descriptor().kind(), parts) {
            (Kind::Counter, [value, ..]) => {
                for (_, cells) in self.reading.cells(series.at) {
                    value.whole = value.whole.wrapping_add(cells.first().map_or(0, |cell| cell.load(Relaxed)));
                }
                for (_, cells) in series.also.iter().flat_map(|also| self.reading.cells(*also)) {
                    value.float += f64::from_bits(cells.first().map_or(0, |cell| cell.load(Relaxed)));
                }
            }
            (Kind::Histogram | Kind::Summary, [counts @ .., sum]) if counts.len() + 1 == family.width() => {
                let (mut seen, mut scratch) = self.scratch.take();
                seen.clear();
                seen.resize(counts.len(), 0);
                for (_, page) in self.reading.pages(series.at.page) {
                    sum.float += page.observed(series.at.cell as usize, &mut seen, &mut scratch);
                }
                for (count, seen) in counts.iter_mut().zip(&seen) {
                    count.whole = count.whole.wrapping_add(*seen);
                }
                self.scratch.set((seen, scratch));
            }
            _ => {}
        }
    }

    /// A gauge of this process, work in progress included; `None` when it was never set and there never was any.
    pub(super) fn value(&self, series: usize) -> Option<f64> {
        let (series, _) = self.live(series).filter(|(_, family)| family.descriptor().kind() == Kind::Gauge)?;
        let in_progress = self.in_progress(series.at);
        let cells = self.reading.shared_cells(series.at).unwrap_or_default();
        let value = reading::gauge_value(cells);
        let is_there = value.is_some() || in_progress != 0 || reading::gauge_is_tracked(cells);
        is_there.then(|| value.unwrap_or_default() + in_progress as f64)
    }

    /// When a gauge was set last.
    pub(super) fn stamp(&self, series: usize) -> u64 {
        let live = self.live(series).filter(|(_, family)| family.descriptor().kind() == Kind::Gauge);
        let cells = live.and_then(|(series, _)| self.reading.shared_cells(series.at));
        cells.and_then(|cells| cells.get(2)).map_or(0, |cell| cell.load(Acquire))
    }

    /// Work in progress in this process of the series that begins there, be it its own or common to all.
    pub(super) fn in_progress(&self, at: At) -> u64 {
        self.reading.in_progress(at)
    }

    /// The flags of an info metric, or of a state set.
    pub(super) fn flags(&self, series: usize) -> u64 {
        let is_flags = |kind| matches!(kind, Kind::Info | Kind::StateSet);
        let live = self.live(series).filter(|(_, family)| is_flags(family.descriptor().kind()));
        let cells = live.and_then(|(series, _)| self.reading.shared_cells(series.at));
        cells.and_then(<[_]>::first).map_or(0, |cell| cell.load(Acquire))
    }

    /// Has no series ended since the log was read? Then what was read of cells meanwhile is theirs.
    pub(super) fn unchanged_since_parse(&self) -> bool {
        // Who saw a cell that was used again sees the record that comes before.
        fence(Acquire);
        !self.reading.has_series_ended()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("path", &self.path).field("id", &self.id()).finish_non_exhaustive()
    }
}
