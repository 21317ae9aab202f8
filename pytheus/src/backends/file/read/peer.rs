//! The file of another process.

use std::cell::Cell;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::backends::custom::{Aggregation, CellAddr, FamilyKey};
use crate::backends::file::format::{ExactAmount, FileId, FormatError, LogGeneration, Mappings, SkippedFile};
use crate::backends::file::read::PeerSeries;
use crate::backends::file::read::{Reader, reader};
use crate::model::descriptor::Kind;
use crate::storage::Mapped;

/// The file of a process, read by others.
pub(crate) struct Peer {
    path: PathBuf,
    inode: u64,
    reader: Reader<Mapped>,
    /// Reused buffers.
    scratch: Cell<(Vec<u64>, Vec<u64>)>,
}

impl Peer {
    /// Opens a file, and reads its log.
    pub(crate) fn open(path: &Path) -> Result<Self, SkippedFile> {
        let peer = reader::open(path).and_then(|file| Self::of(file, path));
        peer.map_err(|fault| fault.at(path))
    }

    fn of(file: File, path: &Path) -> Result<Self, FormatError> {
        let mut reader = Reader::new(file, Mappings::new(), false)?;
        reader.refresh()?;
        let inode = reader.file.metadata()?.ino();
        Ok(Self { path: path.to_owned(), inode, reader, scratch: Cell::default() })
    }

    /// Returns the inode of the open file.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    /// Refuses a file that has become shorter, whose cells must not be read.
    pub(crate) fn check_len(&self) -> Result<(), SkippedFile> {
        self.reader.check_len().map_err(|fault| fault.at(&self.path))
    }

    /// Reads new records; says whether there are any. After an error, every call returns it.
    ///
    /// Cells that were read before belong to a series if it is live now.
    pub(crate) fn refresh(&mut self) -> Result<bool, SkippedFile> {
        self.reader.refresh().map_err(|fault| fault.at(&self.path))
    }

    /// Returns the id of the file.
    pub(crate) fn id(&self) -> FileId {
        self.reader.header.id
    }

    /// Returns the start number of the process.
    pub(crate) fn number(&self) -> u64 {
        self.reader.header.number
    }

    /// Returns the label `pid` of the process.
    pub(crate) fn label(&self) -> String {
        self.reader.header.label()
    }

    /// Says whether the process is live.
    pub(crate) fn is_live(&self) -> io::Result<bool> {
        match self.reader.file.try_lock_shared() {
            Ok(()) => self.reader.file.unlock().map(|()| false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Returns the families, by their number in the file.
    pub(crate) fn families(&self) -> &[Arc<FamilyKey>] {
        &self.reader.index.families
    }

    /// Returns the series by number, ended ones included. Their indices are stable until the next
    /// [generation](Self::generation).
    pub(crate) fn series(&self) -> &[PeerSeries] {
        &self.reader.index.series
    }

    /// Returns the generation of the log. The next one leaves out ended series; families and numbers stay.
    pub(crate) fn generation(&self) -> LogGeneration {
        self.reader.generation
    }

    /// Says whether the series of this number is live.
    pub(crate) fn counts(&self, number: u32) -> bool {
        let place = self.reader.index.numbered(number);
        place.and_then(|place| self.series().get(place)).is_some_and(|series| !series.ended)
    }

    /// Returns the index of the live series at this address.
    pub(crate) fn series_at(&self, at: CellAddr) -> Option<usize> {
        self.reader.index.at(at)
    }

    /// Returns a live series, with its family.
    #[inline]
    fn live(&self, series: usize) -> Option<(&PeerSeries, &FamilyKey)> {
        let series = self.series().get(series).filter(|series| !series.ended)?;
        Some((series, self.families().get(series.family as usize)?))
    }

    /// Adds the parts of a live series that [adds up](crate::backends::custom::Aggregation::Add).
    pub(crate) fn read(&self, series: usize, parts: &mut [ExactAmount]) {
        let Some((series, family)) = self.live(series) else { return };
        match (family.descriptor().kind(), parts) {
            (Kind::Counter, [value, ..]) => {
                for (_, cells) in self.reader.cells(series.at) {
                    value.whole = value.whole.wrapping_add(cells.first().map_or(0, |cell| cell.load(Relaxed)));
                }
                for (_, cells) in series.extra.iter().flat_map(|extra| self.reader.cells(*extra)) {
                    value.float += f64::from_bits(cells.first().map_or(0, |cell| cell.load(Relaxed)));
                }
            }
            (Kind::Histogram | Kind::Summary, [counts @ .., sum]) if counts.len() + 1 == family.part_count() => {
                let (mut seen, mut scratch) = self.scratch.take();
                seen.clear();
                seen.resize(counts.len(), 0);
                for (_, page) in self.reader.pages(series.at.page) {
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

    /// Returns the totals of a live series that outlive its process: its parts if they add up, or the last value that was
    /// set, with the time as the whole number.
    pub(crate) fn totals(&self, series: usize) -> Option<Box<[ExactAmount]>> {
        let (_, family) = self.live(series)?;
        match family.aggregation() {
            Aggregation::Add => {
                let mut amounts = vec![ExactAmount::default(); family.part_count()];
                self.read(series, &mut amounts);
                Some(amounts.into())
            }
            Aggregation::MostRecent => {
                let (value, set_at) = self.last_set(series)?;
                Some([ExactAmount { whole: set_at, ..ExactAmount::float(value) }].into())
            }
            _ => None,
        }
    }

    /// Returns the value of a gauge, work in progress included; `None` when it was never set or tracked.
    pub(crate) fn value(&self, series: usize) -> Option<f64> {
        let (series, _) = self.live(series).filter(|(_, family)| family.descriptor().kind() == Kind::Gauge)?;
        let in_progress = self.in_progress(series.at);
        let cells = self.reader.shared_cells(series.at).unwrap_or_default();
        let value = reader::gauge_value(cells);
        let is_there = value.is_some() || in_progress != 0 || reader::gauge_is_tracked(cells);
        is_there.then(|| value.unwrap_or_default() + in_progress as f64)
    }

    /// Returns the last value that was set, and when, without work in progress, which ends with its process; `None`
    /// when it was never set.
    pub(crate) fn last_set(&self, series: usize) -> Option<(f64, u64)> {
        // The time first: an old value never goes with the time of a later one.
        let set_at = self.stamp(series);
        let (series, _) = self.live(series).filter(|(_, family)| family.descriptor().kind() == Kind::Gauge)?;
        Some((reader::gauge_value(self.reader.shared_cells(series.at)?)?, set_at))
    }

    /// Returns the time at which a gauge was last set.
    pub(crate) fn stamp(&self, series: usize) -> u64 {
        let live = self.live(series).filter(|(_, family)| family.descriptor().kind() == Kind::Gauge);
        let cells = live.and_then(|(series, _)| self.reader.shared_cells(series.at));
        cells.and_then(|cells| cells.get(2)).map_or(0, |cell| cell.load(Acquire))
    }

    /// Returns the work in progress in this process of a series, its own or a shared one.
    pub(crate) fn in_progress(&self, at: CellAddr) -> u64 {
        self.reader.in_progress(at)
    }

    /// Returns the work in progress of several shared series, and whether the log has new records. Work of a series
    /// that ended meanwhile is left out.
    pub(crate) fn in_progress_of(&mut self, all: &[CellAddr]) -> Result<(Vec<u64>, bool), SkippedFile> {
        let mut is_new = false;
        // Compaction numbers records anew, but never a thousand times in a row.
        for _ in 0..1000 {
            let (generation, before) = (self.generation(), self.owners_of(all));
            let mut work: Vec<_> = all.iter().map(|at| self.in_progress(*at)).collect();
            is_new |= self.refresh()?;
            if self.generation() != generation {
                continue;
            }
            for ((work, before), now) in work.iter_mut().zip(&before).zip(self.owners_of(all)) {
                if *before != now {
                    *work = 0;
                }
            }
            return Ok((work, is_new));
        }
        Err(FormatError::corrupt("its log was compacted without end").at(&self.path))
    }

    /// Returns what tells each series from its successor: its number, or the record of its extra cells.
    fn owners_of(&self, all: &[CellAddr]) -> Vec<(Option<u32>, Option<u64>)> {
        let number = |at| Some(self.series().get(self.series_at(at)?)?.number);
        all.iter().map(|at| (number(*at), self.reader.index.extra_record(*at))).collect()
    }

    /// Returns the flags of an info metric, or of a state set.
    pub(crate) fn flags(&self, series: usize) -> u64 {
        let is_flags = |kind| matches!(kind, Kind::Info | Kind::StateSet);
        let live = self.live(series).filter(|(_, family)| is_flags(family.descriptor().kind()));
        let cells = live.and_then(|(series, _)| self.reader.shared_cells(series.at));
        cells.and_then(<[_]>::first).map_or(0, |cell| cell.load(Acquire))
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("path", &self.path).field("id", &self.id()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::custom::{Arena as _, SeriesKey};
    use crate::backends::file::format::error::SkipReason;
    use crate::backends::file::tests::samples::{self, Sample, at};
    use crate::model::descriptor::GaugeMode;
    use crate::model::number::Number;

    fn parts(peer: &Peer, series: usize) -> Vec<Number> {
        let width = peer.families()[peer.series()[series].family as usize].part_count();
        let mut parts = vec![ExactAmount::default(); width];
        peer.read(series, &mut parts);
        parts.iter().map(ExactAmount::number).collect()
    }

    fn labels(peer: &Peer, series: usize) -> String {
        let series = &peer.series()[series];
        format!("{:?}", series.key.labels(&peer.families()[series.family as usize]))
    }

    #[test]
    fn a_peer_reads_what_was_written() {
        let sample = samples::everything();
        let peer = Peer::open(&sample.path).unwrap();
        assert_eq!((peer.id(), peer.number(), peer.reader.header.pid), (samples::header().id, 7, 4711));
        assert_eq!(peer.reader.header.started, samples::header().started);
        let names: Vec<_> = peer.families().iter().map(|family| family.name()).collect();
        assert_eq!(names, ["c_total", "h", "s", "g", "i_info"]);
        assert_eq!(labels(&peer, 0), r#"{"a": "x", "b": "y\n"}"#);
        assert!(peer.series()[0].is_zero_series);
        assert_eq!(parts(&peer, 0), [Number::Float(7.75)]);
        assert_eq!(labels(&peer, 1), r#"{"a": "", "b": "z"}"#);
        assert_eq!(parts(&peer, 1), [1_u64.into(), 1_u64.into(), 1_u64.into(), Number::Float(7.85)]);
        assert_eq!(parts(&peer, 2), [1_u64.into(), Number::Float(2.5)]);
        assert_eq!(peer.value(3).map(f64::to_bits), Some(0));
        assert_eq!(peer.stamp(3), 99);
        assert_eq!((peer.value(4), peer.in_progress(at(1, 23))), (Some(2.0), 2));
        assert_eq!((peer.value(5), peer.stamp(5)), (None, 0));
        assert_eq!(peer.flags(6), 1);
        assert!(peer.series()[7].ended);
        assert_eq!(parts(&peer, 7), [0_u64.into()]);
        assert_eq!(peer.in_progress(at(CellAddr::FIRST_SHARED_PAGE, 0)), 2);
        assert_eq!(peer.series_at(at(1, 50)), None);
        assert_eq!(peer.series_at(at(1, 40)), Some(6));
        assert_eq!((peer.counts(6), peer.counts(7), peer.counts(8)), (true, false, false));
    }

    #[test]
    fn a_peer_sees_new_and_ended_series() {
        let sample = Sample::new();
        let family = samples::family(Kind::Counter, "c_total");
        let mut peer = Peer::open(&sample.path).unwrap();
        assert!(!peer.refresh().unwrap());
        sample.begin(&family, &["1"], at(1, 0), false);
        sample.add(1, at(1, 0), 0, 3);
        assert!(!peer.counts(0));
        assert!(peer.refresh().unwrap());
        assert_eq!(parts(&peer, 0), [3_u64.into()]);
        sample.begin(&family, &["2"], at(1, 1), false);
        sample.own.free_series(at(1, 0));
        assert_eq!(parts(&peer, 0), [3_u64.into()]);
        sample.begin(&family, &["3"], at(1, 0), false);
        assert!(peer.refresh().unwrap());
        assert_eq!([0, 1, 2].map(|number| peer.counts(number)), [false, true, true]);
        assert_eq!(parts(&peer, 0), [0_u64.into()]);
        assert_eq!(peer.series_at(at(1, 0)), Some(2));
    }

    #[test]
    fn in_progress_counts_of_an_ended_series_are_left_out() {
        for has_record in [true, false] {
            let (sample, family) = (Sample::new(), samples::gauge("w", GaugeMode::Shared));
            let [one, two] = ["1", "2"].map(|label| {
                sample.own.shared_cells(&family, &SeriesKey::new(&family, &[label]), false).expect("there is room")
            });
            if has_record {
                // The first series of each family has a record.
                sample.begin(&family, &["1"], one, false);
            }
            sample.own.add_cells(one, at(1, 0)).expect("there is room");
            sample.add(1, at(1, 0), 0, 3);
            let mut peer = Peer::open(&sample.path).unwrap();
            assert_eq!(peer.in_progress_of(&[one, two]).unwrap(), (vec![3, 0], false));
            sample.own.free_series(one);
            sample.own.add_cells(two, at(1, 0)).expect("there is room");
            sample.add(1, at(1, 0), 0, 4);
            assert_eq!(peer.in_progress_of(&[one, two]).unwrap(), (vec![0, 0], true), "{has_record}");
            assert_eq!(peer.in_progress_of(&[one, two]).unwrap(), (vec![0, 7], false));
        }
    }

    #[test]
    fn a_process_is_live_while_it_holds_the_lock() {
        let sample = Sample::new();
        let peer = Peer::open(&sample.path).unwrap();
        assert!(!peer.is_live().unwrap());
        let file = File::open(&sample.path).unwrap();
        File::lock(&file).unwrap();
        assert!(peer.is_live().unwrap());
        // Not by closing it: a child that another test starts may have it open.
        file.unlock().unwrap();
        assert!(!peer.is_live().unwrap());
        assert!(!Peer::open(&sample.path).unwrap().is_live().unwrap());
    }

    #[test]
    fn anything_but_a_plain_file_is_foreign() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        assert_eq!(Peer::open(&link).unwrap_err().reason, SkipReason::Foreign);
        assert_eq!(Peer::open(directory.path()).unwrap_err().reason, SkipReason::Foreign);
        assert_eq!(Peer::open(&directory.path().join("none")).unwrap_err().reason, SkipReason::Unreadable);
    }

    #[test]
    fn a_file_that_becomes_shorter_is_not_read_again() {
        for len in [4096, 1, 0] {
            let sample = samples::everything();
            let mut peer = Peer::open(&sample.path).unwrap();
            new_len(&sample.path, len);
            assert_eq!(peer.refresh().unwrap_err().reason, SkipReason::Truncated);
            new_len(&sample.path, 64 * 1024);
            assert_eq!(peer.refresh().unwrap_err().reason, SkipReason::Truncated);
        }
    }

    fn new_len(path: &Path, len: u64) {
        File::options().write(true).open(path).unwrap().set_len(len).unwrap();
    }

    #[test]
    fn a_file_truncated_anywhere_is_refused() {
        let sample = samples::everything();
        // The last page that is named in the log.
        let whole = 64 * 1024;
        let last = (0..whole).rev().step_by(4096).map(|end| end + 1);
        let refused = |len: u64| {
            new_len(&sample.path, len);
            Peer::open(&sample.path).err()
        };
        let lens: Vec<_> = last.chain((0..8200).rev()).collect();
        let readable: Vec<_> = lens.iter().filter(|len| refused(**len).is_none()).collect();
        // Free pages at the end may be missing.
        assert!(readable.len() < 14 && readable.iter().all(|len| **len > 8192), "{readable:?}");
        let reasons: Vec<_> = (0..72).rev().map(|len| refused(len).unwrap().reason).collect();
        assert!(reasons.iter().all(|reason| *reason == SkipReason::Truncated), "{reasons:?}");
    }
}
