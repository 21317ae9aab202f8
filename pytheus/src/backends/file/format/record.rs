//! The records of a log, and of the archive.
//!
//! ```text
//! length of the payload: u32 | CRC-32 of all else: u32 | kind: u32 | 0: u32 | payload, padded with zeros to 8 bytes
//! ```

use crate::backends::custom::CellAddr;
use crate::backends::file::format::{FileId, FormatError, PAGE, crc32, take};

/// A record. `Family` stands in logs and in the archive, the last five kinds in the archive alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A family; numbers count up from 0.
    Family { number: u32, json: &'a [u8] },
    /// A series of a family that comes before it; numbers count up.
    Series { number: u32, family: u32, is_zero_series: bool, at: CellAddr, head: &'a [u8], text: &'a str },
    /// Address of the extra cells of a series.
    ExtraCells { series: CellAddr, extra: CellAddr },
    /// The series is over; its cells may be used again.
    End { series: CellAddr },
    /// Offset of a page of cells in the file.
    Page { shard: u32, page: u32, offset: u64 },
    /// Offset and length of the extent in which the log goes on.
    NextExtent { offset: u64, len: u64 },
    /// Whether the series is a zero series: shown before it is set.
    ZeroSeries { series: CellAddr, is_zero_series: bool },
    /// Generation of the archive, and the length of the records that follow.
    ArchiveHead { generation: u64, len: u64 },
    /// Number of the last process that has declared the family.
    Origin { family: u32, newest: u64 },
    /// Totals of ended processes for a series.
    Totals { family: u32, head: &'a [u8], text: &'a str, amounts: &'a [u8] },
    /// A file whose counts are in the archive, though it may still exist.
    Folded { file: FileId },
    /// A removed series of a file that may still exist, and its amounts at that time.
    Tombstone { file: FileId, series: u32, amounts: &'a [u8] },
    /// A kind of a later version.
    Unknown,
}

/// Length of what comes before the payload.
const PREFIX: usize = 16;
/// Length of a [`Record::NextExtent`].
pub(crate) const NEXT_EXTENT_LEN: u64 = 32;
/// Length of a [`Record::End`].
pub(crate) const END_LEN: u64 = 24;
/// Length of a [`Record::ArchiveHead`].
pub(crate) const ARCHIVE_HEAD_LEN: usize = 32;

impl<'a> Record<'a> {
    /// Appends the record to a log, unless it is too long for one.
    pub(crate) fn encode(&self, log: &mut Vec<u8>) -> Result<(), FormatError> {
        let start = log.len();
        log.resize(start + PREFIX, 0);
        let kind = self.encode_payload(log);
        let Some((kind, len)) = kind.and_then(|kind| Some((kind, u32::try_from(log.len() - start - PREFIX).ok()?)))
        else {
            log.truncate(start);
            return Err(FormatError::corrupt("it is too long for one record"));
        };
        log.resize(log.len().next_multiple_of(8), 0);
        log[start..start + 4].copy_from_slice(&len.to_le_bytes());
        log[start + 8..start + 12].copy_from_slice(&kind.to_le_bytes());
        let sum = crc32(&[&len.to_le_bytes(), &log[start + 8..]]);
        log[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
        Ok(())
    }

    /// Appends the payload and returns the kind; `None` when a length is too large.
    fn encode_payload(&self, log: &mut Vec<u8>) -> Option<u32> {
        let mut put = |numbers: &[u32]| log.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).ok();
        let kind = match *self {
            Self::Family { number, json } => {
                put(&[number]);
                log.extend(json);
                1
            }
            Self::Series { number, family, is_zero_series, at, head, text } => {
                put(&[number, family, u32::from(is_zero_series), at.page, at.cell, len(head)?]);
                log.extend([head, text.as_bytes()].concat());
                2
            }
            Self::ExtraCells { series, extra } => {
                put(&[series.page, series.cell, extra.page, extra.cell]);
                3
            }
            Self::End { series } => {
                put(&[series.page, series.cell]);
                4
            }
            Self::Page { shard, page, offset } => {
                put(&[shard, page, u32::try_from(offset / PAGE).ok()?]);
                5
            }
            Self::NextExtent { offset, len } => {
                log.extend([offset, len].map(u64::to_le_bytes).concat());
                6
            }
            Self::ZeroSeries { series, is_zero_series } => {
                put(&[series.page, series.cell, u32::from(is_zero_series)]);
                7
            }
            Self::ArchiveHead { generation, len } => {
                log.extend([generation, len].map(u64::to_le_bytes).concat());
                8
            }
            Self::Origin { family, newest } => {
                put(&[family]);
                log.extend(newest.to_le_bytes());
                9
            }
            Self::Totals { family, head, text, amounts } => {
                put(&[family, len(head)?, len(text.as_bytes())?]);
                log.extend([head, text.as_bytes(), amounts].concat());
                10
            }
            Self::Folded { file } => {
                log.extend(file.0.to_le_bytes());
                11
            }
            Self::Tombstone { file, series, amounts } => {
                log.extend(file.0.to_le_bytes());
                log.extend(series.to_le_bytes());
                log.extend(amounts);
                12
            }
            Self::Unknown => return None,
        };
        Some(kind)
    }

    /// Returns the first record of a log, and its length there.
    pub(crate) fn decode(log: &'a [u8]) -> Result<(Self, usize), FormatError> {
        let leaves = || FormatError::corrupt("a record is longer than the log");
        let (prefix, rest) = log.split_first_chunk::<PREFIX>().ok_or_else(leaves)?;
        let mut prefix = &prefix[..];
        let len_bytes: [u8; 4] = take(&mut prefix)?;
        let sum = number(&mut prefix)?;
        let kind = number(&mut prefix)?;
        let len = usize::try_from(u32::from_le_bytes(len_bytes)).map_err(|_| leaves())?;
        let whole = len.checked_next_multiple_of(8).and_then(|padded| padded.checked_add(PREFIX)).ok_or_else(leaves)?;
        let summed = log.get(8..whole).ok_or_else(leaves)?;
        if crc32(&[&len_bytes, summed]) != sum {
            return Err(FormatError::corrupt("the checksum of a record is wrong"));
        }
        let payload = rest.get(..len).ok_or_else(leaves)?;
        Ok((Self::decode_payload(kind, payload)?, whole))
    }

    fn decode_payload(kind: u32, mut rest: &'a [u8]) -> Result<Self, FormatError> {
        let payload = &mut rest;
        let record = match kind {
            1 => Self::Family { number: number(payload)?, json: std::mem::take(payload) },
            2 => {
                let (number, family, flags) = (number(payload)?, number(payload)?, number(payload)?);
                let (at, head_len) = (addr(payload)?, self::number(payload)?);
                let head = bytes(payload, head_len)?;
                let text = text(std::mem::take(payload))?;
                Self::Series { number, family, is_zero_series: flags & 1 == 1, at, head, text }
            }
            3 => Self::ExtraCells { series: addr(payload)?, extra: addr(payload)? },
            4 => Self::End { series: addr(payload)? },
            5 => Self::Page {
                shard: number(payload)?,
                page: number(payload)?,
                offset: u64::from(number(payload)?) * PAGE,
            },
            6 => Self::NextExtent { offset: long(payload)?, len: long(payload)? },
            7 => Self::ZeroSeries { series: addr(payload)?, is_zero_series: number(payload)? & 1 == 1 },
            8 => Self::ArchiveHead { generation: long(payload)?, len: long(payload)? },
            9 => Self::Origin { family: number(payload)?, newest: long(payload)? },
            10 => {
                let (family, head_len, text_len) = (number(payload)?, number(payload)?, number(payload)?);
                let head = bytes(payload, head_len)?;
                let text = text(bytes(payload, text_len)?)?;
                Self::Totals { family, head, text, amounts: std::mem::take(payload) }
            }
            11 => Self::Folded { file: file(payload)? },
            12 => Self::Tombstone { file: file(payload)?, series: number(payload)?, amounts: std::mem::take(payload) },
            _ => {
                *payload = &[];
                Self::Unknown
            }
        };
        if payload.is_empty() { Ok(record) } else { Err(FormatError::corrupt("a record is too long")) }
    }
}

fn number(payload: &mut &[u8]) -> Result<u32, FormatError> {
    take(payload).map(u32::from_le_bytes)
}

fn long(payload: &mut &[u8]) -> Result<u64, FormatError> {
    take(payload).map(u64::from_le_bytes)
}

fn file(payload: &mut &[u8]) -> Result<FileId, FormatError> {
    take(payload).map(|id| FileId(u128::from_le_bytes(id)))
}

fn addr(payload: &mut &[u8]) -> Result<CellAddr, FormatError> {
    Ok(CellAddr { page: number(payload)?, cell: number(payload)? })
}

fn bytes<'a>(payload: &mut &'a [u8], len: u32) -> Result<&'a [u8], FormatError> {
    let taken = usize::try_from(len).ok().and_then(|len| payload.split_at_checked(len));
    let (bytes, rest) =
        taken.ok_or_else(|| FormatError::corrupt("the labels of a series are longer than their record"))?;
    *payload = rest;
    Ok(bytes)
}

fn text(bytes: &[u8]) -> Result<&str, FormatError> {
    str::from_utf8(bytes).map_err(|_| FormatError::corrupt("the labels of a series are no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> [Record<'static>; 12] {
        let at = |page, cell| CellAddr { page, cell };
        [
            Record::Family { number: 0, json: b"{}" },
            Record::Series { number: 3, family: 2, is_zero_series: true, at: at(1, 9), head: &[1, 0], text: "a=\"b\"" },
            Record::ExtraCells { series: at(1, 2), extra: at(3, 4) },
            Record::End { series: at(CellAddr::FIRST_SHARED_PAGE, 511) },
            Record::Page { shard: 7, page: 1, offset: 65_536 },
            Record::NextExtent { offset: 1 << 40, len: 4096 },
            Record::ZeroSeries { series: at(CellAddr::FIRST_SHARED_PAGE, 1), is_zero_series: true },
            Record::ArchiveHead { generation: 1 << 33, len: 7 },
            Record::Origin { family: 5, newest: 1 << 34 },
            Record::Totals { family: 2, head: &[1, 0], text: "a=\"b\"", amounts: &[1; 24] },
            Record::Folded { file: FileId(1 << 99) },
            Record::Tombstone { file: FileId(3), series: 4, amounts: &[2; 24] },
        ]
    }

    #[test]
    fn records_read_back() {
        let mut log = Vec::new();
        for record in &one_of_each() {
            record.encode(&mut log).unwrap();
        }
        let mut rest = &log[..];
        for record in one_of_each() {
            let (read, len) = Record::decode(rest).unwrap();
            assert_eq!(read, record);
            assert!(len.is_multiple_of(8));
            rest = &rest[len..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn record_lengths_match_the_reserved_room() {
        let len = |record: Record<'_>| {
            let mut log = Vec::new();
            record.encode(&mut log).unwrap();
            log.len() as u64
        };
        assert_eq!(len(Record::NextExtent { offset: 0, len: 0 }), NEXT_EXTENT_LEN);
        assert_eq!(len(Record::ArchiveHead { generation: 0, len: 0 }), ARCHIVE_HEAD_LEN as u64);
        assert_eq!(len(Record::End { series: CellAddr { page: 0, cell: 0 } }), END_LEN);
    }

    #[test]
    fn a_truncated_record_or_one_with_a_flipped_bit_is_refused() {
        for record in one_of_each() {
            let mut log = Vec::new();
            record.encode(&mut log).unwrap();
            for len in 0..log.len() {
                Record::decode(&log[..len]).expect_err("cut off");
            }
            for bit in 0..log.len() * 8 {
                let mut log = log.clone();
                log[bit / 8] ^= 1 << (bit % 8);
                Record::decode(&log).expect_err("one bit is wrong");
            }
        }
    }

    #[test]
    fn a_record_of_an_unknown_kind_is_skipped() {
        let mut log = Vec::new();
        Record::End { series: CellAddr { page: 1, cell: 2 } }.encode(&mut log).unwrap();
        log[8] = 99;
        let sum = crc32(&[&log[..4], &log[8..]]);
        log[4..8].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Record::decode(&log).unwrap(), (Record::Unknown, log.len()));
    }
}
