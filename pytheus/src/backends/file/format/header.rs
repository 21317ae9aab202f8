//! The first bytes of a file: version, machine, and process. Numbers are little endian, cells in the order of the
//! machine. Each change of the format raises [`VERSION`].

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::backends::custom::process_label;
use crate::backends::file::format::{FileId, FormatError, SkipReason, crc32};
use crate::storage::Page;

const MAGIC: [u8; 8] = *b"PYTHEUS\n";
/// Version that this crate reads and writes.
pub(crate) const VERSION: u32 = 2;
/// Written in the order of the machine, to be recognised.
const ORDER: u32 = 0x0102_0304;

/// Unit of layout, in bytes: a page of cells.
pub(crate) const PAGE: u64 = size_of::<Page>() as u64;
/// Cells of a page.
pub(crate) const CELLS: u32 = {
    assert!(size_of::<Page>() == 4096, "the layout of files is made of pages of so many bytes");
    512
};
/// Offset of the first log of a file.
pub(crate) const LOG: u64 = PAGE;

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: FileId,
    /// Start number of the process; 0 in the shared file.
    pub(crate) number: u64,
    /// Process id.
    pub(crate) pid: u32,
    /// Whether another live process was labelled with the same process id when the file was made: in another PID
    /// namespace, or another copy of this crate in the same process.
    pub(crate) shares_pid: bool,
    /// Time of creation, in nanoseconds since 1970.
    pub(crate) started: u64,
    /// Length of the first extent of each log.
    pub(crate) first_extent: u32,
}

impl Header {
    /// Length of a header.
    pub(crate) const LEN: usize = 72;
    /// Bytes under the checksum.
    const CHECKED: usize = 64;
    /// The rest of the least growth after the first page.
    const FIRST_EXTENT: u32 = 12 * 1024;

    /// Returns the header of a new file.
    pub(crate) fn new(id: FileId, number: u64) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started = u64::try_from(started.as_nanos()).unwrap_or(u64::MAX);
        Self { id, number, pid: process::id(), shares_pid: false, started, first_extent: Self::FIRST_EXTENT }
    }

    /// Returns the label `pid` of the process.
    pub(crate) fn label(&self) -> String {
        let id = self.shares_pid.then(|| self.id.to_string());
        process_label(self.pid, id.as_deref())
    }

    /// Returns the bytes.
    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let fields: [&[u8]; 10] = [
            &MAGIC,
            &VERSION.to_le_bytes(),
            &CELLS.to_le_bytes(),
            &ORDER.to_ne_bytes(),
            &self.first_extent.to_le_bytes(),
            &self.id.0.to_le_bytes(),
            &self.number.to_le_bytes(),
            &self.pid.to_le_bytes(),
            &u32::from(self.shares_pid).to_le_bytes(),
            &self.started.to_le_bytes(),
        ];
        let mut bytes = [0; Self::LEN];
        let (checked, sum) = bytes.split_at_mut(Self::CHECKED);
        checked.copy_from_slice(&fields.concat());
        sum[..4].copy_from_slice(&crc32(&[checked]).to_le_bytes());
        bytes
    }

    /// Decodes the first bytes of a file.
    pub(crate) fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, FormatError> {
        let mut rest = &bytes[..];
        let magic: [u8; 8] = take(&mut rest)?;
        if magic != MAGIC {
            return Err(FormatError::new(SkipReason::Foreign, "it does not begin as the files of this crate do"));
        }
        let version = u32::from_le_bytes(take(&mut rest)?);
        check_version(version)?;
        let (checked, sum) = bytes.split_at(Self::CHECKED);
        if sum[..4] != crc32(&[checked]).to_le_bytes() || sum[4..] != [0; 4] {
            return Err(FormatError::corrupt("the checksum of its header is wrong"));
        }
        let cells = u32::from_le_bytes(take(&mut rest)?);
        let order = u32::from_ne_bytes(take(&mut rest)?);
        if cells != CELLS || order != ORDER {
            return Err(FormatError::new(
                SkipReason::Foreign,
                "it was written by a machine with another order of bytes or size of pages",
            ));
        }
        let header = Self {
            first_extent: u32::from_le_bytes(take(&mut rest)?),
            id: FileId(u128::from_le_bytes(take(&mut rest)?)),
            number: u64::from_le_bytes(take(&mut rest)?),
            pid: u32::from_le_bytes(take(&mut rest)?),
            shares_pid: match u32::from_le_bytes(take(&mut rest)?) {
                0 => false,
                1 => true,
                _ => return Err(FormatError::corrupt("its header has an impossible flag")),
            },
            started: u64::from_le_bytes(take(&mut rest)?),
        };
        if header.first_extent == 0 || !u64::from(header.first_extent).is_multiple_of(PAGE) {
            return Err(FormatError::corrupt("its log does not begin with whole pages"));
        }
        Ok(header)
    }
}

/// Refuses the format of another version.
pub(crate) fn check_version(version: u32) -> Result<(), FormatError> {
    let reason = match u16::try_from(version) {
        _ if version == VERSION => return Ok(()),
        // Out of range: damage, not a version.
        Err(_) | Ok(0) => return Err(FormatError::corrupt("its version is impossible")),
        Ok(_) if version < VERSION => SkipReason::OlderVersion,
        Ok(_) => SkipReason::NewerVersion,
    };
    Err(FormatError::new(reason, format!("its format is version {version}, and this program reads version {VERSION}")))
}

/// Takes bytes from the front.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], FormatError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or_else(|| FormatError::corrupt("a record is too short"))?;
    *bytes = rest;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        let header = Header::new(FileId::random(), 7);
        assert_eq!(Header::decode(&header.encode()), Ok(header));
        let header = Header { shares_pid: true, ..header };
        assert_eq!(Header::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn a_header_with_a_flipped_bit_is_refused() {
        let bytes = Header::new(FileId::random(), 7).encode();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            let fault = Header::decode(&bytes).expect_err("one bit is wrong");
            let expected: &[SkipReason] = match bit / 8 {
                0..8 => &[SkipReason::Foreign],
                8..12 => &[SkipReason::NewerVersion, SkipReason::Corrupt],
                _ => &[SkipReason::Corrupt],
            };
            assert!(expected.contains(&fault.reason), "bit {bit}: {fault:?}");
        }
    }
}
