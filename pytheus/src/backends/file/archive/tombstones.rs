//! Removes series of all processes, by [tombstones](https://en.wikipedia.org/wiki/Tombstone_(data_store)).
//!
//! Totals of ended processes are dropped from the archive. The file of another process can't be changed: it counts on
//! at any moment. So the archive records a tombstone: the amounts of the series at that time, its *baseline*. Amounts
//! above the baseline count; a series at its baseline is hidden.
//!
//! A tombstone is of one series of one file, by its number there. Once the process ends that series, a new one with the
//! same labels counts from zero.
//!
//! A removal takes effect in one step, when the archive is replaced.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backends::custom::{Aggregation, CellAddr, FamilyKey, SeriesKey};
use crate::backends::failpoint::failpoint;
use crate::backends::file::archive::{Archive, Tombstone};
use crate::backends::file::dir::{DirLock, FileError, roster};
use crate::backends::file::format::{ExactAmount, FileId};
use crate::backends::file::read::Peer;
use crate::model::descriptor::Kind;

/// Removes series, except from the file of this process, which ends them itself, and from `shared`.
///
/// `peers` are the files that are listed under the lock. `archive` is then the current one; on an error nothing has
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
    // While a file can't be read, scrapes fail anyway.
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
        // A series that has ended needs no tombstone.
        next.tombstones.retain(|removed| removed.file != file || peer.counts(removed.series));
        next.tombstones.append(&mut new);
    }
    next.forget(&present.into_iter().chain(roster::processes(locked)?).collect());
    next.write(locked)?;
    failpoint("series removed");
    *archive = next;
    Ok(())
}

/// Returns the series of a declaration that correspond to these, of the same declaration or another one of the same
/// name.
pub(crate) fn matching_series(series: &[(Arc<FamilyKey>, SeriesKey)], to: &FamilyKey) -> HashSet<SeriesKey> {
    let of_family = series.iter().filter(|(family, _)| family.is_same_family(to));
    of_family.filter_map(|(family, series)| family.translate(series, to)).collect()
}

/// Returns the present amounts of a series: its parts, if they add up, else words that change with each update, such as
/// bits and time of a gauge.
pub(crate) fn baseline_of(peer: &Peer, series: usize, family: &FamilyKey) -> Box<[ExactAmount]> {
    match (family.aggregation(), family.descriptor().kind()) {
        (Aggregation::Add, _) => peer.totals(series).unwrap_or_default(),
        (Aggregation::MostRecent, _) => {
            let (value, set_at) = peer.last_set(series).unwrap_or((f64::from_bits(u64::MAX), 0));
            [ExactAmount::whole(value.to_bits()), ExactAmount::whole(set_at)].into()
        }
        (_, Kind::Gauge) => {
            // Bits of no counted number, for a gauge that was never set.
            let bits = peer.value(series).map_or(u64::MAX, f64::to_bits);
            [ExactAmount::whole(bits), ExactAmount::whole(peer.stamp(series))].into()
        }
        _ => [ExactAmount::whole(peer.flags(series))].into(),
    }
}
