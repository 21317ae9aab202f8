//! Reads arbitrary bytes as each kind of file, for fuzzers.

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;

use crate::backends::file::archive::codec::{self, HEAD};
use crate::backends::file::format::superblock::CURRENT;
use crate::backends::file::format::{
    ExactAmount, FileId, FormatError, Header, LOG, Mappings, PAGE, SkippedFile, crc32,
};
use crate::backends::file::read::{Peer, Reader, reader};

/// Reads the bytes as the file of a process, as the shared file, and as an archive: as they are, and with valid
/// checksums, to get behind these. Returns how often they were valid.
///
/// # Errors
///
/// If the bytes can't be written to a file.
#[cfg_attr(not(feature = "conformance"), allow(unreachable_pub, reason = "exposed by that feature"))]
pub fn fuzz_read(bytes: &[u8]) -> io::Result<usize> {
    let path = std::env::temp_dir().join(format!("pytheus-any-{}", FileId::random()));
    let mut good = [as_archive(bytes), as_archive(&archive_with_valid_checksums(bytes))]
        .iter()
        .filter(|read| read.is_ok())
        .count();
    for bytes in [bytes, &with_valid_checksums(bytes)] {
        fs::write(&path, bytes)?;
        good += usize::from(as_process(&path).is_ok()) + usize::from(as_common(&path).is_ok());
    }
    fs::remove_file(&path)?;
    Ok(good)
}

fn as_process(path: &Path) -> Result<(), SkippedFile> {
    let mut peer = Peer::open(path)?;
    black_box((peer.id(), peer.number(), peer.label()));
    for (number, series) in peer.series().iter().enumerate() {
        let family = &peer.families()[series.family as usize];
        let mut parts = vec![ExactAmount::default(); family.part_count()];
        peer.read(number, &mut parts);
        black_box(parts.iter().map(ExactAmount::number).collect::<Vec<_>>());
        black_box((peer.value(number), peer.stamp(number), peer.flags(number), peer.in_progress(series.at)));
        let labels = series.key.labels(family);
        black_box((labels.exposed(), labels.iter().collect::<Vec<_>>(), series.key.compare(&series.key, family)));
        black_box((
            peer.series_at(series.at),
            peer.counts(series.number),
            peer.generation(),
            family.aggregation(),
            family.to_json(),
        ));
    }
    assert!(!peer.refresh()?, "nobody has written to it");
    Ok(())
}

fn as_common(path: &Path) -> Result<(), FormatError> {
    let mut reader = Reader::new(reader::open(path)?, Mappings::new(), true)?;
    reader.refresh()?;
    for series in &reader.index.series {
        let cells = reader.shared_cells(series.at).unwrap_or_default();
        black_box((reader::gauge_value(cells), reader::gauge_is_tracked(cells), reader.in_progress(series.at)));
    }
    black_box((reader.index.room(3), reader.index.end(), reader.cursor.extent_end()));
    Ok(())
}

fn as_archive(bytes: &[u8]) -> Result<(), FormatError> {
    let archive = codec::decode(bytes)?;
    for family in &archive.families {
        for (series, amounts) in &family.series {
            black_box((series.labels(&family.key).exposed(), amounts.first().map(ExactAmount::number)));
        }
    }
    let again = codec::encode(&archive)?;
    assert!(codec::decode(&again).is_ok(), "what was read can be written and read");
    Ok(())
}

/// Returns the bytes with valid checksums of header and records.
fn with_valid_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    // The header.
    if let Some(sum) = bytes.get(..64).map(|checked| crc32(&[checked])) {
        put(&mut bytes, 64, sum);
    }
    // The first page of the current log is in the low half.
    let start = number(&bytes, CURRENT * 8).filter(|page| *page != 0).map_or(LOG, |page| u64::from(page) * PAGE);
    let mut at = usize::try_from(start).unwrap_or(usize::MAX);
    // Each extent once, and some invalid ones.
    let mut extents = bytes.len() / 4096 + 1;
    while let Some(next) = fix_checksum(&mut bytes, at) {
        let is_jump = number(&bytes, at + 8) == Some(6);
        let target = number(&bytes, at + 16).and_then(|offset| usize::try_from(offset).ok());
        at = match target.filter(|_| is_jump) {
            Some(target) if extents > 0 => {
                extents -= 1;
                target
            }
            _ => next,
        };
    }
    bytes
}

/// The same for an archive, with a valid length.
fn archive_with_valid_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let len = bytes.len().saturating_sub(HEAD) as u64;
    if let Some(place) = bytes.get_mut(HEAD - 8..HEAD) {
        place.copy_from_slice(&len.to_le_bytes());
    }
    let mut at = 16;
    while let Some(next) = fix_checksum(&mut bytes, at) {
        at = next;
    }
    bytes
}

/// Fixes the checksum of a record; returns the offset of the next one.
fn fix_checksum(bytes: &mut [u8], at: usize) -> Option<usize> {
    let len = usize::try_from(number(bytes, at)?).ok()?;
    let next = at.checked_add(16)?.checked_add(len)?.checked_next_multiple_of(8)?;
    let sum = crc32(&[bytes.get(at..at + 4)?, bytes.get(at + 8..next)?]);
    put(bytes, at + 4, sum);
    Some(next)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn put(bytes: &mut [u8], at: usize, number: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}

/// Follows the layout of the header.
const _: () = assert!(Header::LEN == 72, "the checksum of the header stands elsewhere");
