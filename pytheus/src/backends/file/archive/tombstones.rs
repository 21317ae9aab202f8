//! Series are removed, whoever has counted in them.
//!
//! What the dead have counted is dropped from the archive. What is in the file of another process can't be taken out of
//! it: it counts on there at any moment. So the archive notes how much it had counted by then, its *baseline*, and from
//! then on what is more than that counts. Nothing shows of a series that is still at its baseline.
//!
//! A baseline is of one series of one file, by its number there: when the process ends that series itself, and begins
//! another with the same labels, that one counts from zero.
//!
//! All of it takes effect in one step, when the archive is replaced.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backends::custom::{Aggregation, CellAddr, FamilyKey, SeriesKey};
use crate::backends::failpoint::failpoint;
use crate::backends::file::archive::{Archive, Tombstone};
use crate::backends::file::dir::{DirLock, FileError, roster};
use crate::backends::file::format::{ExactAmount, FileId};
use crate::backends::file::read::Peer;
use crate::model::descriptor::Kind;

/// Removes series, but for what is in the file of this process, which ends them itself, and what lies in `shared`.
///
/// `peers` are those that are listed now, under the lock. `archive` is then the one that is there; on an error nothing has
/// changed.
pub(crate) fn remove_series(
    locked: &DirLock<'_>,
    archive: &mut Archive,
    peers: &mut [Peer],
    own: FileId,
    series: &[(Arc<FamilyKey>, SeriesKey)],
) -> Result<(), FileError> {
    let mut next = archive.to_change(locked)?;
    let present: HashSet<FileId> = locked.directory().list()?.into_iter().map(|(id, _)| id).collect();
    for family in &mut next.families {
        let wanted = matching_series(series, &family.key);
        family.series.retain(|(series, _)| !wanted.contains(series));
    }
    // While one can't be read, no scrape shows anything.
    let readable = peers.iter_mut().filter_map(|peer| peer.refresh().is_ok().then_some(&*peer));
    for peer in readable.filter(|peer| peer.id() != own && !next.folded.contains(&peer.id())) {
        let file = peer.id();
        let of_peer = next.tombstones.iter_mut().filter(|removed| removed.file == file);
        let mut known: HashMap<u32, &mut Tombstone> = of_peer.map(|removed| (removed.series, removed)).collect();
        let mut new = Vec::new();
        let wanted: Vec<_> = peer.families().iter().map(|family| (family, matching_series(series, family))).collect();
        for (place, of_file) in peer.series().iter().enumerate() {
            let Some((family, wanted)) = wanted.get(of_file.family as usize) else { continue };
            if of_file.ended || of_file.at.page >= CellAddr::FIRST_SHARED_PAGE || !wanted.contains(&of_file.key) {
                continue;
            }
            let amounts = baseline_of(peer, place, family);
            match known.get_mut(&of_file.number) {
                Some(removed) => removed.amounts = amounts,
                None => new.push(Tombstone { file, series: of_file.number, amounts }),
            }
        }
        // A series that has ended needs none.
        next.tombstones.retain(|removed| removed.file != file || peer.counts(removed.series));
        next.tombstones.append(&mut new);
    }
    next.forget(&present.into_iter().chain(roster::processes(locked)?).collect());
    next.write(locked)?;
    failpoint("series removed");
    *archive = next;
    Ok(())
}

/// The series of a declaration that are to be removed with these, which may be of another declaration of the same name.
pub(crate) fn matching_series(series: &[(Arc<FamilyKey>, SeriesKey)], to: &FamilyKey) -> HashSet<SeriesKey> {
    let of_family = series.iter().filter(|(family, _)| family.is_same_family(to));
    of_family.filter_map(|(family, series)| family.translate(series, to)).collect()
}

/// What a process has counted in a series of its file: the parts of one that is added up. Of others, as they are now, to
/// tell whether they have changed since: a gauge's bits and stamp, the flags of an info metric.
pub(crate) fn baseline_of(peer: &Peer, series: usize, family: &FamilyKey) -> Box<[ExactAmount]> {
    match (family.aggregation(), family.descriptor().kind()) {
        (Aggregation::Add, _) => {
            let mut amounts = vec![ExactAmount::default(); family.part_count()];
            peer.read(series, &mut amounts);
            amounts.into()
        }
        (Aggregation::MostRecent, _) => {
            let (value, set_at) = peer.last_set(series).unwrap_or((f64::from_bits(u64::MAX), 0));
            [ExactAmount::whole(value.to_bits()), ExactAmount::whole(set_at)].into()
        }
        (_, Kind::Gauge) => {
            // Never set: the bits of no number that is counted.
            let bits = peer.value(series).map_or(u64::MAX, f64::to_bits);
            [ExactAmount::whole(bits), ExactAmount::whole(peer.stamp(series))].into()
        }
        _ => [ExactAmount::whole(peer.flags(series))].into(),
    }
}
