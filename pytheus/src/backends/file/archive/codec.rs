//! The bytes of an archive: magic, version, and records as in a log; see [the format](crate::backends::file::format).

use crate::backends::file::archive::{Archive, ArchivedFamily, Tombstone};
use crate::backends::file::format::{
    ARCHIVE_HEAD_LEN, ExactAmount, FormatError, Record, SkipReason, VERSION, check_version, parse_family, parse_series,
    take,
};
use crate::storage::ExactSum;

const MAGIC: [u8; 8] = *b"PYTHARC\n";
/// Length of magic, version and the first record.
pub(crate) const HEAD: usize = 16 + ARCHIVE_HEAD_LEN;

pub(crate) fn encode(archive: &Archive) -> Result<Vec<u8>, FormatError> {
    let mut records = Vec::new();
    for (number, family) in (0_u32..).zip(&archive.families) {
        let json = family.key.to_json().to_string();
        Record::Family { number, json: json.as_bytes() }.encode(&mut records)?;
        Record::Origin { family: number, newest: family.newest }.encode(&mut records)?;
        for (series, amounts) in &family.series {
            let (head, text) = series.parts();
            Record::Totals { family: number, head, text, amounts: &bytes_of(amounts) }.encode(&mut records)?;
        }
    }
    // The same archive is encoded to the same bytes.
    let mut folded: Vec<_> = archive.folded.iter().copied().collect();
    folded.sort_unstable();
    folded.into_iter().try_for_each(|file| Record::Folded { file }.encode(&mut records))?;
    for Tombstone { file, series, amounts } in &archive.tombstones {
        Record::Tombstone { file: *file, series: *series, amounts: &bytes_of(amounts) }.encode(&mut records)?;
    }
    let mut out = [&MAGIC[..], &VERSION.to_le_bytes(), &[0; 4]].concat();
    Record::ArchiveHead { generation: archive.generation, len: records.len() as u64 }.encode(&mut out)?;
    out.append(&mut records);
    Ok(out)
}

fn bytes_of(amounts: &[ExactAmount]) -> Vec<u8> {
    let words = amounts.iter().flat_map(|amount| {
        let (high, low) = amount.float.parts();
        [amount.whole, high.to_bits(), low.to_bits()]
    });
    words.flat_map(u64::to_le_bytes).collect()
}

/// Decodes an archive from bytes that may be any.
pub(crate) fn decode(bytes: &[u8]) -> Result<Archive, FormatError> {
    if !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) {
        return Err(FormatError::new(SkipReason::Foreign, "it is no archive"));
    }
    let mut version = bytes.get(MAGIC.len()..).unwrap_or_default();
    if version.len() >= 4 {
        check_version(u32::from_le_bytes(take(&mut version)?))?;
    }
    let short = || FormatError::truncated("it ends within its head");
    let (head, mut rest) = bytes.split_at_checked(HEAD).ok_or_else(short)?;
    let (Record::ArchiveHead { generation, len }, _) = Record::decode(&head[16..])? else {
        return Err(FormatError::corrupt("it does not begin with its head"));
    };
    if head[12..16] != [0; 4] || len < rest.len() as u64 {
        return Err(FormatError::corrupt("its head does not match its length"));
    }
    if len > rest.len() as u64 {
        return Err(FormatError::truncated("it ends before its records do"));
    }
    let mut archive = Archive { generation, ..Archive::default() };
    while !rest.is_empty() {
        let (record, len) = Record::decode(rest)?;
        archive.apply(&record)?;
        rest = &rest[len..];
    }
    Ok(archive)
}

impl Archive {
    fn apply(&mut self, record: &Record<'_>) -> Result<(), FormatError> {
        match *record {
            Record::Family { number, json } if number as usize == self.families.len() => {
                self.families.push(ArchivedFamily { key: parse_family(json)?, newest: 0, series: Vec::new() });
            }
            Record::Origin { family, newest } => self.family(family)?.newest = newest,
            Record::Totals { family, head, text, amounts } => {
                let family = self.family(family)?;
                let key = parse_series(&family.key, head, text)?;
                let amounts = amounts_of(amounts)?;
                if amounts.len() != family.key.part_count() {
                    return Err(FormatError::corrupt("a series has the wrong number of parts"));
                }
                family.series.push((key, amounts));
            }
            Record::Folded { file } => drop(self.folded.insert(file)),
            Record::Tombstone { file, series, amounts } => {
                self.tombstones.push(Tombstone { file, series, amounts: amounts_of(amounts)? });
            }
            // Leaving the record out would lose it when the archive is next written.
            Record::Unknown => {
                return Err(FormatError::new(SkipReason::NewerVersion, "it has records of an unknown kind"));
            }
            _ => return Err(FormatError::corrupt("a record is misplaced")),
        }
        Ok(())
    }

    fn family(&mut self, number: u32) -> Result<&mut ArchivedFamily, FormatError> {
        self.families.get_mut(number as usize).ok_or_else(|| FormatError::corrupt("a series is of no family"))
    }
}

fn amounts_of(mut bytes: &[u8]) -> Result<Box<[ExactAmount]>, FormatError> {
    let mut amounts = Vec::with_capacity(bytes.len() / 24);
    while !bytes.is_empty() {
        let [whole, high, low] = [take(&mut bytes)?, take(&mut bytes)?, take(&mut bytes)?].map(u64::from_le_bytes);
        // Added one by one, so that an infinity stays one.
        let mut float = ExactSum::ZERO;
        float += f64::from_bits(high);
        float += f64::from_bits(low);
        amounts.push(ExactAmount { whole, float });
    }
    Ok(amounts.into())
}
