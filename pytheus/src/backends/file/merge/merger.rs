//! Merges the totals of all processes: archive, files of processes, and the shared file.
//!
//! A file is removed once the archive has its counts, and the archive is replaced as a whole. So if the archive is
//! still current after all files were read, each count was read once ([optimistic concurrency
//! control](https://en.wikipedia.org/wiki/Optimistic_concurrency_control)).

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::backends::custom::{Aggregation, BackendError, CellAddr, FamilyKey, Removal, SeriesKey, WriterId};
use crate::backends::file::archive::{Archive, fold_ended, remove_series};
use crate::backends::file::dir::{Directory, FileError};
use crate::backends::file::format::{ExactAmount, FileId, SkipReason, SkippedFile};
use crate::backends::file::merge::{
    Declarations, FamilyAccumulator, PeerRows, PendingReports, Reports, completeness, is_foreign, is_gone,
};
use crate::backends::file::read::Peer;
use crate::backends::file::write::{Attachment, SharedFile};
use crate::model::descriptor::Kind;
use crate::model::snapshot::Number;

/// Totals of one declaration of a family.
pub(crate) struct MergedDeclaration {
    pub(crate) family: Arc<FamilyKey>,
    pub(crate) series: Arc<[SeriesKey]>,
    pub(crate) parts: Vec<Number>,
    /// Times at which the values were set, for a most recent gauge.
    pub(crate) times: Vec<u64>,
    /// Whether a live process has the declaration.
    pub(crate) is_live: bool,
}

/// Most retries while the directory changes; more in a row are no work of this crate.
pub(crate) const MAX_RETRIES: usize = 20;
/// Retries that read new files, too.
const WAITS_FOR_NEW: usize = 3;

/// The known state of the directory. A scrape that finds nothing new reads numbers alone.
pub(crate) struct Merger {
    directory: Arc<Directory>,
    pub(crate) shared: Arc<SharedFile>,
    pub(crate) archive: Archive,
    /// Whether the current archive was not read.
    is_unread: bool,
    /// Whether folded files are left, by a crash before their removal.
    is_left: bool,
    /// Sorted by start.
    pub(crate) processes: Vec<PeerRows>,
    declarations: Declarations,
    /// Whether declarations or rows may have changed.
    pub(crate) changed: bool,
    /// Reports for when no lock is held.
    pub(crate) reports: PendingReports,
    /// The last removal that this process has made.
    removed: Option<(WriterId, u64)>,
}

impl Merger {
    pub(crate) fn new(attachment: &Attachment) -> Self {
        Self {
            directory: Arc::clone(&attachment.directory),
            shared: Arc::clone(&attachment.shared),
            archive: Archive::default(),
            is_unread: true,
            is_left: false,
            processes: Vec::new(),
            declarations: Declarations::default(),
            changed: true,
            reports: PendingReports::default(),
            removed: None,
        }
    }

    /// Takes the reports, to be emitted without a lock.
    pub(crate) fn take_reports(&mut self) -> Reports {
        self.reports.take()
    }

    /// Returns the totals of the wanted families. Folds ended processes, unless another process does.
    pub(crate) fn load(&mut self, wants: &dyn Fn(&FamilyKey) -> bool) -> Result<Vec<MergedDeclaration>, BackendError> {
        let directory = Arc::clone(&self.directory);
        let mut locked = None;
        for round in 0..2 * MAX_RETRIES {
            if round == MAX_RETRIES {
                // Under the lock no process changes the archive.
                locked = Some(directory.acquire_lock()?);
            }
            if let Some(found) = self.try_read(wants, round < WAITS_FOR_NEW)? {
                if locked.is_none() {
                    self.fold_ended();
                }
                return Ok(found);
            }
        }
        Err(format!("the files in {} kept changing for {MAX_RETRIES} retries", directory.path().display()).into())
    }

    /// Returns the totals, unless files came or went meanwhile.
    fn try_read(
        &mut self,
        wants: &dyn Fn(&FamilyKey) -> bool,
        waits_for_new: bool,
    ) -> Result<Option<Vec<MergedDeclaration>>, BackendError> {
        self.rescan()?;
        let mut puts = Vec::new();
        for (number, origin) in self.declarations.in_start_order() {
            if wants(self.declarations.accumulators[number].declared()) {
                if !self.accumulate(number)? {
                    return Ok(None);
                }
                let accumulator = &mut self.declarations.accumulators[number];
                let (series, parts) = accumulator.finish();
                let (family, times) = (Arc::clone(accumulator.family()), accumulator.times());
                puts.push(MergedDeclaration { family, series, parts, times, is_live: origin.is_live });
            }
        }
        if self.declarations.accumulators.iter().any(FamilyAccumulator::needs_rebuild) {
            self.forget();
        }
        let Self { directory, archive, shared, processes, .. } = self;
        let is_complete = completeness::is_complete(directory, archive, shared.inode(), processes, waits_for_new)?;
        Ok((is_complete && archive.is_current(directory)?).then_some(puts))
    }

    /// Rescans the directory.
    fn rescan(&mut self) -> Result<(), BackendError> {
        if self.is_unread || !self.archive.is_current(&self.directory)? {
            self.is_unread = true;
            self.archive = Archive::read(&self.directory).map_err(FileError::archive)?;
            self.is_unread = false;
            self.apply_archive();
        }
        self.rescan_files()?;
        self.changed |= self.shared.refresh().map_err(FileError::damaged)?;
        if self.changed {
            self.changed = false;
            self.declarations.resolve(&self.archive, &mut self.processes, &self.shared);
        }
        Ok(())
    }

    /// Applies an archive that is new.
    fn apply_archive(&mut self) {
        for process in &mut self.processes {
            process.set_baselines(&self.archive);
        }
        self.declarations.accumulators.iter_mut().for_each(|accumulator| accumulator.archived = None);
        self.changed = true;
    }

    fn rescan_files(&mut self) -> Result<(), BackendError> {
        let mut listed = self.directory.list()?;
        let all = listed.len();
        // Folded files count in the archive.
        listed.retain(|(id, _)| !self.archive.folded.contains(id));
        self.is_left = listed.len() < all;
        let ids: HashSet<_, RandomState> = listed.iter().map(|(id, _)| *id).collect();
        let before = self.processes.len();
        // A file that disappeared was folded into a newer archive: the final check of the archive detects that, and the
        // scrape retries.
        self.processes.retain(|process| ids.contains(&process.peer.id()));
        self.changed |= self.processes.len() != before;
        let known: HashSet<_, RandomState> = self.processes.iter().map(|process| process.peer.id()).collect();
        let (mut faults, mut foreign) = (Vec::new(), Vec::new());
        for (id, path) in listed.into_iter().filter(|(id, _)| !known.contains(id)) {
            match Peer::open(&path) {
                Ok(peer) if peer.id() == id => self.processes.push(PeerRows::new(peer, &self.archive)),
                Ok(peer) => {
                    let what = format!("a copy, or renamed: its header says `process-{}`", peer.id());
                    foreign.push(SkippedFile { path, reason: SkipReason::Foreign, what });
                }
                // Folded or lost: the final checks detect either.
                Err(skipped) if is_gone(&skipped.path) => {}
                Err(skipped) if is_foreign(&skipped) => foreign.push(skipped),
                Err(skipped) => faults.push(skipped),
            }
            self.changed = true;
        }
        self.reports.skipped(foreign);
        self.processes.sort_by_key(PeerRows::start_order);
        self.processes.retain_mut(|process| match process.rescan() {
            Ok(changed) => {
                self.changed |= changed;
                true
            }
            Err(skipped) if is_gone(&skipped.path) => {
                self.changed = true;
                false
            }
            // Kept, so that its counts are missed whatever replaces it.
            Err(skipped) => {
                faults.push(skipped);
                true
            }
        });
        let more = faults.len().saturating_sub(1);
        // Totals without it would be too small.
        faults.into_iter().next().map_or(Ok(()), |skipped| Err(FileError::damaged(skipped).and_more(more).into()))
    }

    /// Rebuilds all accumulators at the next scan.
    pub(crate) fn forget(&mut self) {
        self.declarations = Declarations::default();
        self.processes.iter_mut().for_each(PeerRows::forget);
        self.changed = true;
    }

    /// Accumulates a family; false when the directory must be scanned again.
    fn accumulate(&mut self, number: usize) -> Result<bool, BackendError> {
        let Self { archive, processes, declarations: Declarations { accumulators, .. }, .. } = self;
        let accumulator = &mut accumulators[number];
        accumulator.reset();
        let aggregation = accumulator.aggregation();
        let keeps_ended = matches!(aggregation, Aggregation::Add | Aggregation::MostRecent);
        if let (true, Some((place, rows))) = (keeps_ended, accumulator.archived.take()) {
            for (row, (_, amounts)) in rows.iter().zip(&archive.families[place].series) {
                match &**amounts {
                    [value] if aggregation == Aggregation::MostRecent => {
                        accumulator.add_value(*row, value.float.value(), value.whole);
                    }
                    amounts => accumulator.add(*row, amounts),
                }
            }
            accumulator.archived = Some((place, rows));
        }
        let shared: Vec<CellAddr> = accumulator.shared.iter().map(|(at, ..)| *at).collect();
        let mut in_progress = vec![0; shared.len()];
        for process in processes.iter_mut().filter(|process| process.is_live || keeps_ended) {
            let read = match aggregation {
                Aggregation::Shared => process.add_in_progress(&shared, &mut in_progress, accumulators),
                _ => process.merge_into(accumulators, number),
            };
            if let Err(skipped) = read {
                self.changed = true;
                // A file that is gone may be in the archive by now.
                return if is_gone(&skipped.path) { Ok(false) } else { Err(FileError::damaged(skipped).into()) };
            }
        }
        if aggregation == Aggregation::Shared {
            self.accumulate_shared(number, &in_progress);
        }
        Ok(true)
    }

    /// Accumulates the values of the shared file, and the work in progress of each live process.
    fn accumulate_shared(&mut self, number: usize, in_progress: &[u64]) {
        let accumulator = &mut self.declarations.accumulators[number];
        let family = Arc::clone(accumulator.declared());
        let states = family.descriptor().states().len();
        let series = std::mem::take(&mut accumulator.shared);
        for ((at, is_zero_series, row), in_progress) in series.iter().zip(in_progress) {
            accumulator.mark_present(*row, *is_zero_series);
            if family.descriptor().kind() == Kind::StateSet {
                let flags = self.shared.flags(*at);
                if flags != 0 {
                    let flags: Vec<_> = (0..states).map(|flag| ExactAmount::whole(flags >> flag & 1)).collect();
                    accumulator.set(*row, &flags);
                }
                continue;
            }
            let value = self.shared.value(*at);
            if value.is_some() || *in_progress != 0 {
                let mut amount = ExactAmount::float(value.unwrap_or(0.0));
                amount += ExactAmount::whole(*in_progress);
                accumulator.set(*row, &[amount]);
            }
        }
        accumulator.shared = series;
    }

    /// Folds ended processes, unless another process is about to.
    fn fold_ended(&mut self) {
        if !self.is_left && self.processes.iter().all(|process| process.is_live) {
            return;
        }
        if let Err(error) = self.try_fold() {
            self.reports.not_folded(&error);
        }
    }

    fn try_fold(&mut self) -> Result<(), FileError> {
        let directory = Arc::clone(&self.directory);
        let Some(locked) = directory.try_acquire_lock()? else { return Ok(()) };
        let (live, ended): (Vec<_>, _) = self.processes.drain(..).partition(|process| process.is_live);
        self.processes = live;
        self.changed = true;
        let ended = ended.into_iter().map(|process| process.peer);
        let folded = fold_ended(&locked, &mut self.archive, ended)?;
        self.is_unread = false;
        self.apply_archive();
        folded.left.iter().for_each(|error| self.reports.not_folded(error));
        Ok(())
    }

    /// Folds ended processes, without a scrape.
    pub(crate) fn rescan_and_fold(&mut self) -> Result<(), BackendError> {
        self.rescan()?;
        self.fold_ended();
        Ok(())
    }

    /// Says whether this removal was made. Two threads may ask for the same one, and counts between them stay.
    pub(crate) fn has_removed(&self, removal: &Removal) -> bool {
        self.removed.is_some_and(|(writer, last)| writer == removal.writer && removal.sequence <= last)
    }

    pub(crate) fn note_removed(&mut self, removal: &Removal) {
        self.removed = Some((removal.writer, removal.sequence));
    }

    /// Removes series of all processes. Shared series need no tombstone: the caller clears them in the shared file.
    pub(crate) fn remove(
        &mut self,
        own: Option<FileId>,
        series: &[(Arc<FamilyKey>, SeriesKey)],
    ) -> Result<(), BackendError> {
        let directory = Arc::clone(&self.directory);
        let locked = directory.acquire_lock()?;
        self.rescan()?;
        let mut peers: Vec<_> = self.processes.drain(..).map(|process| process.peer).collect();
        let removed = remove_series(&locked, &mut self.archive, &mut peers, own.unwrap_or(FileId(0)), series);
        self.processes = peers.into_iter().map(|peer| PeerRows::new(peer, &self.archive)).collect();
        self.forget();
        Ok(removed?)
    }
}
