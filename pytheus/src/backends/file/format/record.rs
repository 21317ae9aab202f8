//! The records of a log.
//!
//! ```text
//! length of the payload: u32 | checksum of all else: u32 | kind: u32 | 0: u32 | payload, and zeros up to 8 bytes
//! ```

use crate::backends::custom::CellAddr;
use crate::backends::file::format::crc32::crc32;
use crate::backends::file::format::error::FormatError;
use crate::backends::file::format::header::{PAGE, take};

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A family, its number the next one.
    Family { number: u32, json: &'a [u8] },
    /// A series, its number the next one, of a family that comes before it.
    Series { number: u32, family: u32, promised: bool, at: CellAddr, head: &'a [u8], text: &'a str },
    /// The series goes on there.
    ExtraCells { series: CellAddr, extra: CellAddr },
    /// Nobody counts in the series any more.
    End { series: CellAddr },
    /// A page of cells lies there.
    Page { shard: u32, page: u32, offset: u64 },
    /// The log goes on there, in so many bytes.
    NextExtent { offset: u64, len: u64 },
    /// Whether the series shows while it is not set.
    PreInit { series: CellAddr, promised: bool },
    /// One of a later version, which can be left out.
    Unknown,
}

/// What comes before the payload.
const PREFIX: usize = 16;
/// The length of a [`Record::NextExtent`].
pub(crate) const NEXT_EXTENT_LEN: u64 = 32;
/// The length of a [`Record::End`].
pub(crate) const END_LEN: u64 = 24;

const FAMILY: u32 = 1;
const SERIES: u32 = 2;
const EXTRA_CELLS: u32 = 3;
const END: u32 = 4;
const PAGE_AT: u32 = 5;
const NEXT_EXTENT: u32 = 6;
const PRE_INIT: u32 = 7;

impl<'a> Record<'a> {
    /// Appends it, unless it is too long for a record.
    pub(crate) fn encode(&self, log: &mut Vec<u8>) -> Result<(), FormatError> {
        let mut numbers: Vec<u32> = Vec::new();
        let mut bytes: [&[u8]; 2] = [&[], &[]];
        let low = |number: u64| u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default();
        let kind = match *self {
            Self::Family { number, json } => {
                numbers.push(number);
                bytes[0] = json;
                FAMILY
            }
            Self::Series { number, family, promised, at, head, text } => {
                let head_len = u32::try_from(head.len()).map_err(|_| too_long())?;
                numbers.extend([number, family, u32::from(promised), at.page, at.cell, head_len]);
                bytes = [head, text.as_bytes()];
                SERIES
            }
            Self::ExtraCells { series, extra } => {
                numbers.extend([series.page, series.cell, extra.page, extra.cell]);
                EXTRA_CELLS
            }
            Self::End { series } => {
                numbers.extend([series.page, series.cell]);
                END
            }
            Self::Page { shard, page, offset } => {
                numbers.extend([shard, page, u32::try_from(offset / PAGE).map_err(|_| too_long())?]);
                PAGE_AT
            }
            Self::NextExtent { offset, len } => {
                numbers.extend([low(offset), low(offset >> 32), low(len), low(len >> 32)]);
                NEXT_EXTENT
            }
            Self::PreInit { series, promised } => {
                numbers.extend([series.page, series.cell, u32::from(promised)]);
                PRE_INIT
            }
            Self::Unknown => return Ok(()),
        };
        let len = numbers.len() * 4 + bytes[0].len() + bytes[1].len();
        let len = u32::try_from(len).map_err(|_| too_long())?.to_le_bytes();
        let start = log.len();
        log.extend_from_slice(&len);
        log.extend_from_slice(&[0; 4]);
        log.extend_from_slice(&kind.to_le_bytes());
        log.extend_from_slice(&[0; 4]);
        log.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        log.extend(bytes.concat());
        log.resize(log.len().next_multiple_of(8), 0);
        let sum = crc32(&[&len, &log[start + 8..]]);
        log[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
        Ok(())
    }

    /// The record that a log begins with, and its length there.
    pub(crate) fn decode(log: &'a [u8]) -> Result<(Self, usize), FormatError> {
        let leaves = || FormatError::corrupt("a record leaves the log");
        let (prefix, rest) = log.split_first_chunk::<PREFIX>().ok_or_else(leaves)?;
        let mut prefix = &prefix[..];
        let len_bytes: [u8; 4] = take(&mut prefix)?;
        let sum = u32::from_le_bytes(take(&mut prefix)?);
        let kind = u32::from_le_bytes(take(&mut prefix)?);
        let len = usize::try_from(u32::from_le_bytes(len_bytes)).map_err(|_| leaves())?;
        let whole = len.checked_next_multiple_of(8).and_then(|padded| padded.checked_add(PREFIX)).ok_or_else(leaves)?;
        let summed = log.get(8..whole).ok_or_else(leaves)?;
        if crc32(&[&len_bytes, summed]) != sum {
            return Err(FormatError::corrupt("the checksum of a record is wrong"));
        }
        let payload = rest.get(..len).ok_or_else(leaves)?;
        Ok((Self::of_payload(kind, payload)?, whole))
    }

    fn of_payload(kind: u32, mut payload: &'a [u8]) -> Result<Self, FormatError> {
        let payload = &mut payload;
        let record = match kind {
            FAMILY => Self::Family { number: number(payload)?, json: std::mem::take(payload) },
            SERIES => {
                let (number, family, flags) = (number(payload)?, number(payload)?, number(payload)?);
                let at = at(payload)?;
                let head_len = usize::try_from(self::number(payload)?).unwrap_or(usize::MAX);
                let (head, text) = payload
                    .split_at_checked(head_len)
                    .ok_or_else(|| FormatError::corrupt("a series leaves its record"))?;
                *payload = &[];
                let text =
                    str::from_utf8(text).map_err(|_| FormatError::corrupt("the labels of a series are no text"))?;
                Self::Series { number, family, promised: flags & 1 == 1, at, head, text }
            }
            EXTRA_CELLS => Self::ExtraCells { series: at(payload)?, extra: at(payload)? },
            END => Self::End { series: at(payload)? },
            PAGE_AT => Self::Page {
                shard: number(payload)?,
                page: number(payload)?,
                offset: u64::from(number(payload)?) * PAGE,
            },
            NEXT_EXTENT => {
                Self::NextExtent { offset: u64::from_le_bytes(take(payload)?), len: u64::from_le_bytes(take(payload)?) }
            }
            PRE_INIT => Self::PreInit { series: at(payload)?, promised: number(payload)? & 1 == 1 },
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

fn at(payload: &mut &[u8]) -> Result<CellAddr, FormatError> {
    Ok(CellAddr { page: number(payload)?, cell: number(payload)? })
}

fn too_long() -> FormatError {
    FormatError::corrupt("what is to be written has no room in one record")
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn one_of_each() -> [Record<'static>; 7] {
        let at = |page, cell| CellAddr { page, cell };
        [
            Record::Family { number: 0, json: b"{}" },
            Record::Series { number: 3, family: 2, promised: true, at: at(1, 9), head: &[1, 0], text: "a=\"b\"" },
            Record::ExtraCells { series: at(1, 2), extra: at(3, 4) },
            Record::End { series: at(CellAddr::COMMON, 511) },
            Record::Page { shard: 7, page: 1, offset: 65_536 },
            Record::NextExtent { offset: 1 << 40, len: 4096 },
            Record::PreInit { series: at(CellAddr::COMMON, 1), promised: true },
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
    fn the_lengths_are_those_that_room_is_left_for() {
        let len = |record: Record<'_>| {
            let mut log = Vec::new();
            record.encode(&mut log).unwrap();
            log.len() as u64
        };
        assert_eq!(len(Record::NextExtent { offset: 0, len: 0 }), NEXT_EXTENT_LEN);
        assert_eq!(len(Record::End { series: CellAddr { page: 0, cell: 0 } }), END_LEN);
    }

    #[test]
    fn a_record_that_is_cut_off_or_has_one_bit_wrong_is_refused() {
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
    fn a_record_of_a_kind_that_is_not_known_is_left_out() {
        let mut log = Vec::new();
        Record::End { series: CellAddr { page: 1, cell: 2 } }.encode(&mut log).unwrap();
        log[8] = 99;
        let sum = crc32(&[&log[..4], &log[8..]]);
        log[4..8].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Record::decode(&log).unwrap(), (Record::Unknown, log.len()));
    }
}
