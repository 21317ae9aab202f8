//! Folds ended processes: adds their counts to the archive, and removes their files. Each file counts once, wherever a
//! crash ends the fold.
//!
//! All of it happens under the directory lock, in this order:
//!
//! 1. Read the current archive, and list the directory. Skip files that are no longer listed: another process has
//!    folded them. Skip files that the archive names: a process folded them, and crashed before step 4.
//! 2. Read the files that no process has locked; they no longer change (see `liveness`). Add their amounts, less those
//!    of tombstones, to a copy of the archive, and their ids.
//! 3. Write the copy beside the archive, and rename it. Before the rename nothing has happened; after it, the counts
//!    are in the archive.
//! 4. Remove the files. A crash leaves files that the archive names, so they are skipped until the next fold removes
//!    them.
//!
//! An id is dropped from the archive once its file is gone and the roster no longer names it. A process that still has
//! the file open skips it by step 1. Ids are random and never reused.
//!
//! A scrape takes no lock: it reads the archive and the files, then checks that the archive is still current, and
//! retries otherwise. So it sees each file once, as itself or in the archive.
//!
//! Each declaration of a name is archived by itself: versions of a program may follow each other in any order. For a
//! most recent gauge the archive keeps value and time. All other gauges, info metrics and state sets end with their
//! process, or lie in `shared`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backends::custom::{Aggregation, FamilyKey, GaugeAggregate, SeriesKey};
use crate::backends::failpoint::failpoint;
use crate::backends::file::archive::{Archive, ArchivedFamily, baseline_of};
use crate::backends::file::dir::{DirLock, FileError, remove_file, roster};
use crate::backends::file::format::{ExactAmount, FileId, SkippedFile};
use crate::backends::file::read::Peer;

/// Result of a fold.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// Number of files that were added to the archive.
    pub(crate) files: usize,
    /// Files of ended processes that can't be read.
    pub(crate) skipped: Vec<SkippedFile>,
    /// Files that were added, and can't be removed. They are skipped from now on.
    pub(crate) left: Vec<FileError>,
}

/// Folds the ended ones of these processes. `archive` is then the current one; on an error it has not changed.
pub(crate) fn fold_ended(
    locked: &DirLock<'_>,
    archive: &mut Archive,
    peers: impl IntoIterator<Item = Peer>,
) -> Result<Folded, FileError> {
    let mut folded = Folded::default();
    let mut next = archive.to_change(locked)?;
    let present: HashSet<FileId> = locked.directory().list()?.into_iter().map(|(id, _)| id).collect();

    // The archive names a file until the roster no longer does.
    let mut kept = present.clone();
    kept.extend(roster::processes(locked)?);

    let mut ended = Vec::new();
    for mut peer in peers {
        let id = peer.id();
        // Each file at most once.
        if !present.contains(&id) || next.folded.contains(&id) || !matches!(peer.is_live(), Ok(false)) {
            continue;
        }
        // The process may have counted on since its file was read.
        match peer.refresh() {
            Ok(_) => ended.push(peer),
            Err(skipped) => folded.skipped.push(skipped),
        }
    }
    // The result is the same whichever process folds.
    ended.sort_by_key(|peer| (peer.number(), peer.id()));
    ended.dedup_by_key(|peer| peer.id());

    if !ended.is_empty() {
        let mut sums = Sums { archive: &mut next, places: HashMap::new() };
        for peer in &ended {
            sums.add(peer);
        }
        folded.files = ended.len();
        next.folded.extend(ended.iter().map(Peer::id));
        next.forget(&kept);
        next.write(locked)?;
    }
    drop(ended);
    for id in next.folded.intersection(&present) {
        if let Err(error) = remove_file(&locked.directory().process(*id)) {
            folded.left.push(error);
        }
        failpoint("file removed");
    }
    // The archive names files that are left after an error.
    if let Err(error) = roster::record_archive(locked, next.generation, &next.folded) {
        folded.left.push(error);
    }
    *archive = next;
    Ok(folded)
}

/// Returns the value that was set later, of two with their times.
fn later(one: ExactAmount, other: ExactAmount) -> ExactAmount {
    let mut latest = GaugeAggregate::new(Aggregation::MostRecent);
    for amount in [one, other] {
        latest.add(amount.float.value(), amount.whole);
    }
    ExactAmount { whole: latest.set_at(), float: latest.sum() }
}

/// Adds files to an archive.
struct Sums<'a> {
    archive: &'a mut Archive,
    /// Index of each series of a family, by the family's index.
    places: HashMap<usize, HashMap<SeriesKey, usize>>,
}

impl Sums<'_> {
    fn add(&mut self, peer: &Peer) {
        // Index in the archive of each family of the file, once looked up.
        let mut families: Vec<Option<usize>> = vec![None; peer.families().len()];
        let baselines: HashMap<u32, Box<[ExactAmount]>> = {
            let of_peer = self.archive.tombstones.iter().filter(|removed| removed.file == peer.id());
            of_peer.map(|removed| (removed.series, removed.amounts.clone())).collect()
        };
        for (in_file, series) in peer.series().iter().enumerate().filter(|(_, series)| !series.ended) {
            let place = series.family as usize;
            let Some(key) = peer.families().get(place) else { continue };
            let Some(mut amounts) = peer.totals(in_file) else { continue };
            let baseline = baselines.get(&series.number);
            let is_hidden = if key.aggregation() == Aggregation::MostRecent {
                baseline.is_some_and(|then| *then == baseline_of(peer, in_file, key))
            } else {
                for (amount, removed) in amounts.iter_mut().zip(baseline.into_iter().flatten()) {
                    *amount -= *removed;
                }
                // A zero series stays after its process, unless it was removed.
                let is_shown = series.is_zero_series && baseline.is_none();
                !is_shown && amounts.iter().all(ExactAmount::is_zero)
            };
            if is_hidden {
                continue;
            }
            let family = *families[place].get_or_insert_with(|| self.place(key, peer.number()));
            self.add_to(family, &series.key, &amounts);
        }
    }

    fn add_to(&mut self, family: usize, key: &SeriesKey, amounts: &[ExactAmount]) {
        let ArchivedFamily { key: declared, series, .. } = &mut self.archive.families[family];
        let aggregation = declared.aggregation();
        let known = self
            .places
            .entry(family)
            .or_insert_with(|| series.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect());
        if let Some(place) = known.get(key) {
            let sums = &mut series[*place].1;
            if aggregation == Aggregation::MostRecent {
                sums.iter_mut().zip(amounts).for_each(|(known, value)| *known = later(*known, *value));
                return;
            }
            for (sum, amount) in sums.iter_mut().zip(amounts) {
                *sum += *amount;
            }
        } else {
            known.insert(key.clone(), series.len());
            series.push((key.clone(), amounts.into()));
        }
    }

    /// Returns the index of a declaration in the archive, which is added if it is new.
    fn place(&mut self, key: &Arc<FamilyKey>, number: u64) -> usize {
        let families = &mut self.archive.families;
        let known =
            families.iter().position(|family| family.key.is_same_family(key) && family.key.difference(key).is_none());
        let place = known.unwrap_or_else(|| {
            families.push(ArchivedFamily { key: Arc::clone(key), newest: number, series: Vec::new() });
            families.len() - 1
        });
        families[place].newest = families[place].newest.max(number);
        place
    }
}
