//! The dead are folded into the archive: what they have counted is added there, and their files go away.
//!
//! Exactly once, whatever ends this process in the middle. All of it is done under the directory's lock, in this order:
//!
//! 1. The archive is read as it is now, and the directory is listed. A file that is not in it any more was folded by
//!    somebody else since it was opened: it is left out. So is one that the archive names: it was folded by a process that
//!    died before step 4.
//! 2. Of the others, those that nobody has locked are read: they don't change any more (see `liveness`). What each has counted
//!    is added to a copy of the archive, but for what had been removed by then; and the copy names their ids.
//! 3. The copy is written beside the archive and takes its place in one step. Before it, nothing has happened; after it,
//!    the counts of these files are in the archive, which says so.
//! 4. The files are removed. Those that are left when this process ends here are named by the archive, so nobody counts
//!    them; the next one to fold removes them.
//!
//! An id is forgotten with the next archive that is written after its file is gone, and after the roster names it no more
//! (see `roster`): by step 1, nobody who still has the
//! file open adds it up again. An id is random and is never given to a second file.
//!
//! Who reads meanwhile takes no lock: the archive, then the list and the files, and then looks whether it is still the
//! same archive. If it is not, it begins again. A file that has gone is then in the archive that is read next; one that is
//! still there though it was folded is named by it. So each file is seen once, as itself or in the archive.
//!
//! Each declaration of a name is archived by itself: versions of a program may follow each other in any order.
//!
//! Of a gauge that shows the most recent value, the archive keeps the value and the time at which it was set: a later one
//! takes its place. All other gauges, info metrics and state sets end with their process or lie in `shared`: there is
//! nothing to be folded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backends::custom::{Aggregation, FamilyKey, GaugeAggregate, SeriesKey};
use crate::backends::failpoint::failpoint;
use crate::backends::file::archive::{Archive, ArchivedFamily, baseline_of};
use crate::backends::file::dir::{DirLock, FileError, remove_file, roster};
use crate::backends::file::format::{ExactAmount, FileId, SkippedFile};
use crate::backends::file::read::Peer;

/// What has come of it.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// How many files were added to the archive.
    pub(crate) files: usize,
    /// The dead that can't be read, and are left alone.
    pub(crate) skipped: Vec<SkippedFile>,
    /// Files that were added, and can't be removed. Nobody counts them again.
    pub(crate) left: Vec<FileError>,
}

/// Folds those of these that are dead; `archive` is then the one that is there. On an error it is as it was, and nothing
/// is lost.
pub(crate) fn fold_ended(
    locked: &DirLock<'_>,
    archive: &mut Archive,
    peers: impl IntoIterator<Item = Peer>,
) -> Result<Folded, FileError> {
    let mut folded = Folded::default();
    let mut next = archive.to_change(locked)?;
    let present: HashSet<FileId> = locked.directory().list()?.into_iter().map(|(id, _)| id).collect();

    // Named by the archive until the roster names them no more.
    let mut kept = present.clone();
    kept.extend(roster::processes(locked)?);

    let mut ended = Vec::new();
    for mut peer in peers {
        let id = peer.id();
        // Each at most once, too.
        if !present.contains(&id) || next.folded.contains(&id) || !matches!(peer.is_live(), Ok(false)) {
            continue;
        }
        // It may have gone on since it was read.
        match peer.refresh() {
            Ok(_) => ended.push(peer),
            Err(skipped) => folded.skipped.push(skipped),
        }
    }
    // What the order decides is the same whoever folds.
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
    // Files that are left after an error are named by the archive.
    if let Err(error) = roster::record_archive(locked, next.generation, &next.folded) {
        folded.left.push(error);
    }
    *archive = next;
    Ok(folded)
}

/// Of two values of a gauge, each with its time, that which was set later.
fn later(one: ExactAmount, other: ExactAmount) -> ExactAmount {
    let mut latest = GaugeAggregate::new(Aggregation::MostRecent);
    for amount in [one, other] {
        latest.add(amount.float.value(), amount.whole);
    }
    ExactAmount { whole: latest.set_at(), float: latest.sum() }
}

/// The archive, while the dead are added to it.
struct Sums<'a> {
    archive: &'a mut Archive,
    /// Where the series of a family are, by its place in the archive.
    places: HashMap<usize, HashMap<SeriesKey, usize>>,
}

impl Sums<'_> {
    fn add(&mut self, peer: &Peer) {
        // Where the families of the file are in the archive, as far as that was looked up.
        let mut families: Vec<Option<usize>> = vec![None; peer.families().len()];
        let baselines: HashMap<u32, Box<[ExactAmount]>> = {
            let of_peer = self.archive.tombstones.iter().filter(|removed| removed.file == peer.id());
            of_peer.map(|removed| (removed.series, removed.amounts.clone())).collect()
        };
        for (in_file, series) in peer.series().iter().enumerate().filter(|(_, series)| !series.ended) {
            let place = series.family as usize;
            let Some(key) = peer.families().get(place) else { continue };
            if key.aggregation() == Aggregation::MostRecent {
                // Unless it has not changed since it was removed.
                if let Some((value, set_at)) = peer.last_set(in_file)
                    && baselines.get(&series.number).is_none_or(|then| *then != baseline_of(peer, in_file, key))
                {
                    let family = *families[place].get_or_insert_with(|| self.place(key, peer.number()));
                    let value = ExactAmount { whole: set_at, ..ExactAmount::float(value) };
                    self.add_to(family, &series.key, &[value]);
                }
                continue;
            }
            if key.aggregation() != Aggregation::Add {
                continue;
            }
            let mut amounts = vec![ExactAmount::default(); key.part_count()];
            peer.read(in_file, &mut amounts);
            let baseline = baselines.get(&series.number);
            for (amount, removed) in amounts.iter_mut().zip(baseline.into_iter().flatten()) {
                *amount -= *removed;
            }
            // What shows before it is counted in does so after the death of its process, too, unless it was removed.
            let shows = series.promised && baseline.is_none();
            if !shows && amounts.iter().all(ExactAmount::is_zero) {
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

    /// Where the archive has the counts of a declaration, which that process has.
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
