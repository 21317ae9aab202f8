//! The journal: a [write-ahead log](https://en.wikipedia.org/wiki/Write-ahead_logging) of the batches of a process, in its
//! spool.
//!
//! Each batch is logged before it is sent: its sequence number, and the totals of its series at the server once it is
//! applied. Together with the last sequence number at the server, the log of a killed process tells which of its counts
//! the server has. A record is a line of JSON; a line without an end was never sent.

#![cfg_attr(not(unix), allow(dead_code, reason = "there is no spool to recover"))]

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::backends::custom::{Aggregation, FamilyKey, SeriesKey};
use crate::backends::redis::schema;
use crate::model::number::Number;

/// A journal longer than this is compacted, once it is several times as long as after the last compaction.
const MIN_LEN: u64 = if cfg!(test) { 4 << 10 } else { 1 << 20 };
const RATIO: u64 = 4;

/// The greatest sequence number: scripts have numbers as floats.
const MAX_SEQ: u64 = 1 << 52;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JournalRecordKind {
    /// The totals of all series so far, from a compaction.
    Snapshot,
    Batch,
    /// A batch of a recovering process. The server applies it only if `prev_seq` is its last sequence number; batches in
    /// between were never applied then, and never can be.
    Recovery,
}

impl JournalRecordKind {
    const ALL: [Self; 3] = [Self::Snapshot, Self::Batch, Self::Recovery];

    fn word(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Batch => "batch",
            Self::Recovery => "recovery",
        }
    }
}

/// The totals of a series at the server after a batch; none after its removal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JournalEntry {
    pub(crate) family: String,
    pub(crate) series: String,
    pub(crate) parts: Vec<Number>,
}

impl JournalEntry {
    /// Returns whether the journal keeps a family: one whose counts outlive the process.
    pub(crate) fn is_for(family: &FamilyKey) -> bool {
        matches!(family.aggregation(), Aggregation::Add | Aggregation::MostRecent)
    }

    pub(crate) fn new(id: &str, family: &FamilyKey, series: &SeriesKey, totals: &[Number], set_at: u64) -> Self {
        let time = (family.aggregation() == Aggregation::MostRecent).then_some(Number::Int(set_at));
        let parts = totals.iter().copied().chain(time).collect();
        Self { family: id.to_owned(), series: schema::series_text(family, series), parts }
    }

    pub(crate) fn removal(id: String, series: String) -> Self {
        Self { family: id, series, parts: Vec::new() }
    }

    fn to_texts(&self) -> Vec<String> {
        let parts = self.parts.iter().map(|part| schema::number_text(*part));
        [self.family.clone(), self.series.clone()].into_iter().chain(parts).collect()
    }

    fn from_texts(texts: Vec<String>) -> Option<Self> {
        let number = |text: String| match text.parse() {
            Ok(whole) => Some(Number::Int(whole)),
            Err(_) => text.parse().ok().map(Number::Float),
        };
        let mut texts = texts.into_iter();
        let (family, series) = (texts.next()?, texts.next()?);
        Some(Self { family, series, parts: texts.map(number).collect::<Option<_>>()? })
    }
}

/// A logged batch of one partition.
#[derive(Debug)]
pub(crate) struct JournalRecord {
    pub(crate) kind: JournalRecordKind,
    pub(crate) partition: usize,
    pub(crate) seq: u64,
    /// The last sequence number known to be applied before.
    pub(crate) prev_seq: u64,
    pub(crate) entries: Vec<JournalEntry>,
}

/// A record, as JSON has it.
type Line = (String, usize, u64, u64, Vec<Vec<String>>);

impl JournalRecord {
    fn to_line(&self) -> io::Result<String> {
        let Self { kind, partition, seq, prev_seq, entries } = self;
        let entries: Vec<_> = entries.iter().map(JournalEntry::to_texts).collect();
        Ok(serde_json::to_string(&(kind.word(), partition, seq, prev_seq, entries))? + "\n")
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let (word, partition, seq, prev_seq, entries): Line = serde_json::from_slice(line).ok()?;
        let kind = JournalRecordKind::ALL.into_iter().find(|kind| kind.word() == word)?;
        let entries = entries.into_iter().map(JournalEntry::from_texts).collect::<Option<_>>()?;
        (prev_seq <= seq && seq <= MAX_SEQ).then_some(Self { kind, partition, seq, prev_seq, entries })
    }
}

/// The journal of a process, open for appending.
pub(crate) struct Journal {
    path: PathBuf,
    file: Option<File>,
    /// The length of all complete records.
    len: u64,
    /// The length after the last compaction.
    compacted_len: u64,
}

impl Journal {
    /// Starts the journal of a process that has sent nothing. The file is created with the first record.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, len: 0, compacted_len: 0 }
    }

    /// Appends records. Their batches may be sent afterwards.
    pub(crate) fn append(&mut self, records: &[JournalRecord]) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let text = records.iter().map(JournalRecord::to_line).collect::<io::Result<String>>()?;
        let file = match &mut self.file {
            Some(file) => file,
            // The directory belongs to this user alone.
            none => none.insert(File::create_new(&self.path)?),
        };
        // An append that failed halfway may have left some bytes.
        file.set_len(self.len)?;
        file.seek(SeekFrom::Start(self.len))?;
        file.write_all(text.as_bytes())?;
        self.len += text.len() as u64;
        Ok(())
    }

    pub(crate) fn needs_compaction(&self) -> bool {
        self.len > MIN_LEN.max(self.compacted_len * RATIO)
    }

    /// Replaces all records by others, with a rename.
    pub(crate) fn compact(&mut self, records: &[JournalRecord]) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push("-new");
        let mut new = Self::new(name.into());
        match fs::remove_file(&new.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => new.append(records)?,
        }
        fs::rename(&new.path, &self.path)?;
        (self.file, self.len, self.compacted_len) = (new.file, new.len, new.len);
        Ok(())
    }

    /// Reads the journal of an ended process, and opens it for appending.
    pub(crate) fn read(path: &Path) -> io::Result<(Self, JournalContents)> {
        let mut file = match open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self::new(path.into()), JournalContents::default()));
            }
            opened => opened?,
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let len = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines = text[..len].split_inclusive(|byte| *byte == b'\n').map(JournalRecord::parse);
        let records = lines.collect::<Option<Vec<_>>>().ok_or_else(|| io::Error::other("it is damaged"))?;
        let journal = Self { file: Some(file), len: len as u64, ..Self::new(path.into()) };
        Ok((journal, JournalContents(records)))
    }
}

/// Opens a plain file; neither follows a link, nor waits for the other end of a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a plain file")) }
}

/// The records of an ended process, in order.
#[derive(Default)]
pub(crate) struct JournalContents(Vec<JournalRecord>);

impl JournalContents {
    fn of(&self, partition: usize) -> impl DoubleEndedIterator<Item = &JournalRecord> {
        self.0.iter().filter(move |record| record.partition == partition)
    }

    /// Returns the totals that a server has, by family and series, if it has applied all batches up to `last_seq`.
    ///
    /// A server without a sequence number has applied none, or has lost them. Batches known to be applied are then not
    /// sent again, like the counts of all ended processes.
    pub(crate) fn applied(&self, partition: usize, last_seq: Option<u64>) -> HashMap<(&str, &str), &[Number]> {
        let acked_seq = || self.of(partition).map(|record| record.prev_seq).max().unwrap_or(0);
        let mut last_seq = last_seq.unwrap_or_else(acked_seq);
        let mut applied: Vec<_> = self.of(partition).collect();
        // Newest first; sequence numbers are unique.
        applied.sort_by_key(|record| std::cmp::Reverse(record.seq));
        applied.retain(|record| {
            let is_applied = record.seq <= last_seq || record.kind == JournalRecordKind::Snapshot;
            if is_applied && record.kind == JournalRecordKind::Recovery {
                last_seq = record.prev_seq;
            }
            is_applied
        });
        let mut totals = HashMap::new();
        for JournalEntry { family, series, parts } in applied.iter().rev().flat_map(|record| &record.entries) {
            if parts.is_empty() {
                totals.remove(&(family.as_str(), series.as_str()));
            } else {
                totals.insert((family.as_str(), series.as_str()), parts.as_slice());
            }
        }
        totals
    }

    /// Returns whether all logged batches are applied up to `last_seq`; else one may be in flight.
    pub(crate) fn is_all_applied(&self, partition: usize, last_seq: Option<u64>) -> bool {
        self.last_seq(partition) <= last_seq.unwrap_or(0)
    }

    /// Returns the sequence number of a recovery with the same predecessor and entries.
    pub(crate) fn find_recovery(&self, partition: usize, prev_seq: u64, entries: &[JournalEntry]) -> Option<u64> {
        let is_meant =
            |record: &&JournalRecord| record.kind == JournalRecordKind::Recovery && record.prev_seq == prev_seq;
        // As texts: NaN equals NaN.
        let texts = |entries: &[JournalEntry]| entries.iter().map(JournalEntry::to_texts).collect::<Vec<_>>();
        let entries = texts(entries);
        let found = self.of(partition).rev().filter(is_meant).find(|record| texts(&record.entries) == entries)?;
        Some(found.seq)
    }

    /// Returns the last sequence number assigned.
    pub(crate) fn last_seq(&self, partition: usize) -> u64 {
        self.of(partition).map(|record| record.seq).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: JournalRecordKind, seq: u64, prev_seq: u64, entries: &[(&str, &[u64])]) -> JournalRecord {
        let entry = |(series, parts): &(&str, &[u64])| JournalEntry {
            family: "a_total".to_owned(),
            series: (*series).to_owned(),
            parts: parts.iter().map(|part| Number::Int(*part)).collect(),
        };
        JournalRecord { kind, partition: 0, seq, prev_seq, entries: entries.iter().map(entry).collect() }
    }

    /// Returns the totals at the server of the series `x` and `y`.
    fn applied(contents: &JournalContents, last: Option<u64>) -> [Option<u64>; 2] {
        let applied = contents.applied(0, last);
        ["x", "y"].map(|series| applied.get(&("a_total", series)).map(|parts| parts[0].as_count()))
    }

    #[test]
    fn a_server_has_the_totals_of_the_last_applied_batch() {
        let contents = JournalContents(vec![
            record(JournalRecordKind::Batch, 1, 0, &[("x", &[1])]),
            record(JournalRecordKind::Batch, 2, 1, &[("x", &[5]), ("y", &[2])]),
            record(JournalRecordKind::Batch, 3, 2, &[("y", &[])]),
        ]);
        assert_eq!(applied(&contents, Some(1)), [Some(1), None]);
        assert_eq!(applied(&contents, Some(2)), [Some(5), Some(2)]);
        assert_eq!(applied(&contents, Some(3)), [Some(5), None]);
        // The server has lost its number; 2 was acknowledged.
        assert_eq!(applied(&contents, None), [Some(5), Some(2)]);
        let first = JournalContents(vec![record(JournalRecordKind::Batch, 1, 0, &[("x", &[1])])]);
        assert_eq!(applied(&first, None), [None, None]);
        assert_eq!((first.last_seq(0), first.last_seq(1)), (1, 0));
    }

    #[test]
    fn a_recovery_skips_batches_that_were_never_applied() {
        let contents = JournalContents(vec![
            record(JournalRecordKind::Batch, 1, 0, &[("x", &[1])]),
            record(JournalRecordKind::Batch, 2, 1, &[("y", &[2])]),
            // Not applied either.
            record(JournalRecordKind::Recovery, 1002, 1, &[("x", &[7])]),
            record(JournalRecordKind::Recovery, 2002, 1, &[("x", &[8])]),
            record(JournalRecordKind::Recovery, 3002, 2002, &[("x", &[9])]),
        ]);
        assert_eq!(applied(&contents, Some(1)), [Some(1), None]);
        assert_eq!(applied(&contents, Some(2)), [Some(1), Some(2)]);
        assert_eq!(applied(&contents, Some(2002)), [Some(8), None]);
        assert_eq!(applied(&contents, Some(3002)), [Some(9), None]);
    }

    #[test]
    fn records_parse_back_without_an_incomplete_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("contents");
        let mut journal = Journal::new(path.clone());
        journal.append(&[record(JournalRecordKind::Batch, 1, 0, &[("x", &[u64::MAX])])]).unwrap();
        let mut second = record(JournalRecordKind::Batch, 2, 1, &[("y", &[2])]);
        second.entries[0].parts = vec![Number::Float(0.1)];
        journal.append(&[second]).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"[\"batch\",0,3"].concat()).unwrap();
        let (mut journal, contents) = Journal::read(&path).unwrap();
        assert_eq!(applied(&contents, Some(1)), [Some(u64::MAX), None]);
        assert_eq!(contents.applied(0, Some(2))[&("a_total", "y")], [Number::Float(0.1)]);
        assert_eq!(contents.last_seq(0), 2);
        journal.append(&[record(JournalRecordKind::Recovery, 1002, 2, &[("y", &[3])])]).unwrap();
        let (mut journal, contents) = Journal::read(&path).unwrap();
        assert_eq!(applied(&contents, Some(1002)), [Some(u64::MAX), Some(3)]);

        journal.compact(&[record(JournalRecordKind::Snapshot, 1002, 1002, &[("x", &[4])])]).unwrap();
        journal.append(&[record(JournalRecordKind::Batch, 1003, 1002, &[("y", &[5])])]).unwrap();
        let (_, contents) = Journal::read(&path).unwrap();
        assert_eq!(applied(&contents, None), [Some(4), None]);
        assert_eq!(applied(&contents, Some(1003)), [Some(4), Some(5)]);
    }
}
