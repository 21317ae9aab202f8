//! The bytes of an archive: a head, and records as in the file of a process.
//!
//! The head is, all little endian: `PYTHARC\n`, the layout version (4 bytes), the checksum of the rest of the head (4), the
//! generation (8), how long the file is (8), how many records there are (8).
//!
//! A record is the length of its payload (4), the checksum of all that follows (4), its kind (4), nothing (4), and the
//! payload, filled up with zeros to a multiple of 8.
//!
//! | kind | payload |
//! |---|---|
//! | 1, family | the number of the last process that declared it (8), [JSON](FamilyKey::to_json) |
//! | 2, series | the family, by its place in the file (4), the length (4) and text of each label value, amounts |
//! | 3, folded | the ids of files (16 each) |
//! | 4, removed | the id of a file (16), the number of the series there (4), nothing (4), amounts |
//!
//! An amount is a whole number (8) and the two parts of a [`Sum`] (8 each), so that nothing is lost however often it is
//! added up and written. Of a gauge that shows the most recent value, the whole number is the time at which it was set.

use std::sync::Arc;

use crate::backends::custom::{FamilyKey, SeriesKey};
use crate::backends::file::archive::archive::{Archive, ArchivedFamily, Tombstone};
use crate::backends::file::format::crc32::crc32;
use crate::backends::file::format::error::{FormatError, SkipReason};
use crate::backends::file::format::exact_amount::ExactAmount;
use crate::backends::file::format::file_id::FileId;
use crate::storage::ExactSum;

const MAGIC: &[u8; 8] = b"PYTHARC\n";
const VERSION: u32 = 1;
const HEAD: usize = 40;

const FAMILY: u32 = 1;
const SERIES: u32 = 2;
const FOLDED: u32 = 3;
const TOMBSTONE: u32 = 4;

pub(crate) fn encode(archive: &Archive) -> Vec<u8> {
    let mut out = vec![0; HEAD];
    let mut records = 0_u64;
    let mut payload = Vec::new();
    let mut put = |kind, payload: &mut Vec<u8>| {
        record(&mut out, kind, payload);
        payload.clear();
        records += 1;
    };
    for (place, family) in (0_u32..).zip(&archive.families) {
        payload.extend(family.newest.to_le_bytes());
        payload.extend(family.key.to_json().to_string().into_bytes());
        put(FAMILY, &mut payload);
        for (series, amounts) in &family.series {
            payload.extend(place.to_le_bytes());
            for (_, value) in series.labels(&family.key).iter() {
                payload.extend(length(value.len()));
                payload.extend(value.as_bytes());
            }
            put_amounts(&mut payload, amounts);
            put(SERIES, &mut payload);
        }
    }
    // The same archive is written the same way.
    let mut folded: Vec<_> = archive.folded.iter().collect();
    folded.sort_unstable();
    payload.extend(folded.iter().flat_map(|id| id.0.to_le_bytes()));
    put(FOLDED, &mut payload);
    for removed in &archive.tombstones {
        payload.extend(removed.file.0.to_le_bytes());
        payload.extend(removed.series.to_le_bytes());
        payload.extend([0; 4]);
        put_amounts(&mut payload, &removed.amounts);
        put(TOMBSTONE, &mut payload);
    }
    let len = out.len() as u64;
    for (at, number) in [(16, archive.generation), (24, len), (32, records)] {
        out[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    out[..8].copy_from_slice(MAGIC);
    out[8..12].copy_from_slice(&VERSION.to_le_bytes());
    let check = crc32(&[&out[16..HEAD]]);
    out[12..16].copy_from_slice(&check.to_le_bytes());
    out
}

/// The length of a payload or of a text. Labels and families of 4 GiB don't come about; such a record would be found
/// damaged.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

fn record(out: &mut Vec<u8>, kind: u32, payload: &[u8]) {
    let kind = u64::from(kind).to_le_bytes();
    out.extend(length(payload.len()));
    out.extend(crc32(&[&kind, payload]).to_le_bytes());
    out.extend(kind);
    out.extend(payload);
    out.resize(out.len().next_multiple_of(8), 0);
}

fn put_amounts(out: &mut Vec<u8>, amounts: &[ExactAmount]) {
    for amount in amounts {
        let (high, low) = amount.float.parts();
        out.extend(amount.whole.to_le_bytes());
        out.extend(high.to_bits().to_le_bytes());
        out.extend(low.to_bits().to_le_bytes());
    }
}

/// The archive of these bytes. They may be any.
pub(crate) fn decode(bytes: &[u8]) -> Result<Archive, FormatError> {
    let mut rest = Bytes(bytes);
    if !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) {
        return Err(FormatError::new(SkipReason::Foreign, "it is no archive"));
    }
    rest.take(MAGIC.len())?;
    let version = rest.u32()?;
    // There won't be as many.
    if version > VERSION && u16::try_from(version).is_ok() {
        return Err(FormatError::new(
            SkipReason::NewerVersion,
            format!("its layout is version {version}, later than {VERSION}"),
        ));
    }
    let check = rest.u32()?;
    if Bytes(rest.0).take(HEAD - 16).map(|head| crc32(&[head]))? != check || version != VERSION {
        return Err(FormatError::corrupt("its head has another checksum"));
    }
    let mut archive = Archive::default();
    archive.generation = rest.u64()?;
    let (len, records) = (rest.u64()?, rest.u64()?);
    if len != bytes.len() as u64 {
        let there = bytes.len();
        return Err(FormatError::truncated(format!("it should be {len} bytes long and is {there}")));
    }
    for _ in 0..records {
        let (kind, payload) = rest.record()?;
        archive.add_record(kind, Bytes(payload))?;
    }
    if rest.0.is_empty() { Ok(archive) } else { Err(FormatError::corrupt("it goes on after its end")) }
}

impl Archive {
    fn add_record(&mut self, kind: u32, mut payload: Bytes<'_>) -> Result<(), FormatError> {
        match kind {
            FAMILY => {
                let newest = payload.u64()?;
                let json = serde_json::from_slice(payload.0).map_err(|error| not_as(&error))?;
                let key = Arc::new(FamilyKey::from_json(&json).map_err(|error| not_as(&error))?);
                self.families.push(ArchivedFamily { key, newest, series: Vec::new() });
            }
            SERIES => {
                let place = payload.u32()?;
                let family = self.families.get_mut(place as usize);
                let family = family.ok_or_else(|| FormatError::corrupt("a series is of no family"))?;
                let mut values = Vec::new();
                for _ in family.key.descriptor().label_names() {
                    let len = payload.u32()? as usize;
                    values.push(str::from_utf8(payload.take(len)?).map_err(|error| not_as(&error))?);
                }
                let amounts = payload.amounts()?;
                if amounts.len() != family.key.part_count() {
                    return Err(FormatError::corrupt("a series has other parts than its family"));
                }
                family.series.push((SeriesKey::new(&family.key, &values), amounts));
            }
            FOLDED => {
                while !payload.0.is_empty() {
                    self.folded.insert(payload.id()?);
                }
            }
            TOMBSTONE => {
                let (file, series) = (payload.id()?, payload.u32()?);
                payload.u32()?;
                self.tombstones.push(Tombstone { file, series, amounts: payload.amounts()? });
            }
            // To leave it out would be to lose it with the next archive that is written.
            _ => {
                return Err(FormatError::new(
                    SkipReason::NewerVersion,
                    format!("it has records of an unknown kind, {kind}"),
                ));
            }
        }
        Ok(())
    }
}

fn not_as(error: &dyn std::fmt::Display) -> FormatError {
    FormatError::corrupt(error.to_string())
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) =
            self.0.split_at_checked(len).ok_or_else(|| FormatError::truncated("it ends within a record"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_le_bytes)
    }

    fn id(&mut self) -> Result<FileId, FormatError> {
        self.array().map(|id| FileId(u128::from_le_bytes(id)))
    }

    /// All that is left.
    fn amounts(&mut self) -> Result<Box<[ExactAmount]>, FormatError> {
        let mut amounts = Vec::with_capacity(self.0.len() / 24);
        while !self.0.is_empty() {
            let whole = self.u64()?;
            // An infinity stays one.
            let mut float = ExactSum::ZERO;
            float += f64::from_bits(self.u64()?);
            float += f64::from_bits(self.u64()?);
            amounts.push(ExactAmount { whole, float });
        }
        Ok(amounts.into())
    }

    fn record(&mut self) -> Result<(u32, &'a [u8]), FormatError> {
        let (len, check, kind) = (self.u32()? as usize, self.u32()?, self.u64()?);
        let payload = self.take(len)?;
        self.take(len.next_multiple_of(8) - len)?;
        match u32::try_from(kind) {
            Ok(plain) if crc32(&[&kind.to_le_bytes(), payload]) == check => Ok((plain, payload)),
            _ => Err(FormatError::corrupt("a record has another checksum")),
        }
    }
}
