//! What of the cells of a process was told, in a file beside them: should it be killed, others tell the rest.
//!
//! Each batch is noted before it is sent: its number, and what the server has of each of its series once it is applied. The
//! server keeps the number of the last one that it has applied, so both together say what it has. One line each, as JSON;
//! one without an end was never sent.

#![cfg_attr(not(unix), allow(dead_code, reason = "where there is no spool, nobody reads them"))]

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::backends::redis::schema;
use crate::model::number::Number;

/// From this length on notes are shortened, when they have grown to a multiple of what they have to say.
const LONG: u64 = if cfg!(test) { 4 << 10 } else { 1 << 20 };
const MULTIPLE: u64 = 4;

/// No number is greater: scripts have them as floats.
const GREATEST: u64 = 1 << 52;

/// What sort of note it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// All that was told before.
    Base,
    NumberedBatch,
    /// The batch of somebody who takes over: applied only when the one that is named before it was the last. So those in
    /// between were never applied, and never will be.
    Heir,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::NumberedBatch => "batch",
            Self::Heir => "heir",
        }
    }
}

/// A series: its family, its labels, what the server has of it; nothing where it was removed.
pub(crate) type Entry = (String, String, Vec<Number>);

fn to_json(entries: &[Entry]) -> Value {
    let entry = |(family, series, parts): &Entry| {
        let parts = parts.iter().map(|part| schema::number_text(*part).into());
        Value::Array([family.as_str().into(), series.as_str().into()].into_iter().chain(parts).collect())
    };
    entries.iter().map(entry).collect()
}

/// A note of an batch to a shard: its number, and the last that was known to be applied.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) sort: Sort,
    pub(crate) shard: usize,
    pub(crate) number: u64,
    pub(crate) before: u64,
    pub(crate) entries: Vec<Entry>,
}

impl Note {
    fn to_line(&self) -> String {
        let mut line =
            serde_json::json!([self.sort.word(), self.shard, self.number, self.before, to_json(&self.entries)])
                .to_string();
        line.push('\n');
        line
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let (word, shard, number, before, entries): (String, usize, u64, u64, Vec<Vec<String>>) =
            serde_json::from_slice(line).ok().and_then(|value: Value| {
                let parts = value.as_array().filter(|parts| parts.len() == 5)?;
                let entries = parts[4].as_array()?.iter().map(|entry| {
                    entry.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
                });
                let shard = usize::try_from(parts[1].as_u64()?).ok()?;
                let entries = entries.collect::<Option<_>>()?;
                Some((parts[0].as_str()?.to_owned(), shard, parts[2].as_u64()?, parts[3].as_u64()?, entries))
            })?;
        let sort = [Sort::Base, Sort::NumberedBatch, Sort::Heir].into_iter().find(|sort| sort.word() == word)?;
        let number_of = |text: String| match text.parse() {
            Ok(whole) => Some(Number::Int(whole)),
            Err(_) => text.parse().ok().map(Number::Float),
        };
        let entry = |texts: Vec<String>| {
            let mut texts = texts.into_iter();
            let (family, series) = (texts.next()?, texts.next()?);
            Some((family, series, texts.map(number_of).collect::<Option<_>>()?))
        };
        let entries = entries.into_iter().map(entry).collect::<Option<_>>()?;
        if before > number || number > GREATEST {
            return None;
        }
        Some(Self { sort, shard, number, before, entries })
    }
}

/// The notes of one process, to which it adds.
pub(crate) struct Notes {
    path: PathBuf,
    file: Option<File>,
    /// How long they are; what comes behind was not written whole.
    len: u64,
    /// How long they were when they were shortened last.
    short: u64,
}

impl Notes {
    /// Of a process that has told nothing.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, len: 0, short: 0 }
    }

    /// Adds notes, before they come true.
    pub(crate) fn add(&mut self, notes: &[Note]) -> io::Result<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let text: String = notes.iter().map(Note::to_line).collect();
        let file = match &mut self.file {
            Some(file) => file,
            // In a directory of this user alone.
            none => none.insert(File::create_new(&self.path)?),
        };
        // What a try has left that failed half way.
        file.set_len(self.len)?;
        file.seek(SeekFrom::Start(self.len))?;
        file.write_all(text.as_bytes())?;
        self.len += text.len() as u64;
        Ok(())
    }

    /// Have they become much longer than they need to be?
    pub(crate) fn are_long(&self) -> bool {
        self.len > LONG.max(self.short * MULTIPLE)
    }

    /// Puts others in their place, in one step.
    pub(crate) fn replace(&mut self, notes: &[Note]) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push("-new");
        let mut new = Self::new(name.into());
        match fs::remove_file(&new.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => new.add(notes)?,
        }
        fs::rename(&new.path, &self.path)?;
        (self.file, self.len, self.short) = (new.file, new.len, new.len);
        Ok(())
    }

    /// What a process has noted, to be gone on with.
    pub(crate) fn read(path: &Path) -> io::Result<(Self, Told)> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self::new(path.into()), Told::default()));
            }
            // No link is followed, and who is at the other end of a pipe is not waited for.
            Err(error) => return Err(error),
            Ok(found) if !found.is_file() => return Err(io::Error::other("it is not a plain file")),
            Ok(_) => {}
        }
        let text = fs::read(path)?;
        let len = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let lines = text[..len].split_inclusive(|byte| *byte == b'\n').map(Note::parse);
        let notes = lines.collect::<Option<Vec<_>>>().ok_or_else(|| io::Error::other("it is damaged"))?;
        let file = OpenOptions::new().write(true).open(path)?;
        Ok((Self { file: Some(file), len: len as u64, ..Self::new(path.into()) }, Told(notes)))
    }
}

/// The notes of a process that has ended, in order.
#[derive(Default)]
pub(crate) struct Told(Vec<Note>);

impl Told {
    /// What a shard has of each series, by family and labels, when this is the number of the last batch that it has
    /// applied.
    ///
    /// Where it knows of none, none was ever applied, or it has lost them: those that were known to be applied are then not
    /// told again, as those of others who have ended are not.
    pub(crate) fn had(&self, shard: usize, last: Option<u64>) -> HashMap<(&str, &str), &[Number]> {
        let of_shard = || self.0.iter().filter(|note| note.shard == shard);
        let mut last = last.unwrap_or_else(|| of_shard().map(|note| note.before).max().unwrap_or(0));
        let mut applied: Vec<&Note> = of_shard().collect();
        // Of the same number none is another.
        applied.sort_by_key(|note| note.number);
        applied.reverse();
        applied.retain(|note| {
            let is_applied = note.number <= last || note.sort == Sort::Base;
            if is_applied && note.sort == Sort::Heir {
                last = note.before;
            }
            is_applied
        });
        let mut had = HashMap::new();
        for (family, series, parts) in applied.iter().rev().flat_map(|note| &note.entries) {
            if parts.is_empty() {
                had.remove(&(family.as_str(), series.as_str()));
            } else {
                had.insert((family.as_str(), series.as_str()), parts.as_slice());
            }
        }
        had
    }

    /// Was all that was noted applied, when this is the number of the last batch that was? Else something may be under way.
    pub(crate) fn is_applied(&self, shard: usize, last: Option<u64>) -> bool {
        self.last(shard) <= last.unwrap_or(0)
    }

    /// The number of an heir's note that says the same.
    pub(crate) fn same(&self, shard: usize, before: u64, entries: &[Entry]) -> Option<u64> {
        let is_meant = |note: &&Note| (note.sort, note.shard, note.before) == (Sort::Heir, shard, before);
        let entries = to_json(entries);
        self.0.iter().rev().filter(is_meant).find(|note| to_json(&note.entries) == entries).map(|note| note.number)
    }

    /// The last number that was given away.
    pub(crate) fn last(&self, shard: usize) -> u64 {
        self.0.iter().filter(|note| note.shard == shard).map(|note| note.number).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(sort: Sort, number: u64, before: u64, entries: &[(&str, &[u64])]) -> Note {
        let entry = |(series, parts): &(&str, &[u64])| {
            ("a_total".to_owned(), (*series).to_owned(), parts.iter().map(|part| Number::Int(*part)).collect())
        };
        Note { sort, shard: 0, number, before, entries: entries.iter().map(entry).collect() }
    }

    /// What the server has of the series `x` and `y` of one part.
    fn had(told: &Told, last: Option<u64>) -> [Option<u64>; 2] {
        let had = told.had(0, last);
        ["x", "y"].map(|series| had.get(&("a_total", series)).map(|parts| parts[0].as_count()))
    }

    #[test]
    fn the_server_has_what_was_told_until_the_last_that_it_has_applied() {
        let told = Told(vec![
            note(Sort::NumberedBatch, 1, 0, &[("x", &[1])]),
            note(Sort::NumberedBatch, 2, 1, &[("x", &[5]), ("y", &[2])]),
            note(Sort::NumberedBatch, 3, 2, &[("y", &[])]),
        ]);
        assert_eq!(had(&told, Some(1)), [Some(1), None]);
        assert_eq!(had(&told, Some(2)), [Some(5), Some(2)]);
        assert_eq!(had(&told, Some(3)), [Some(5), None]);
        // It has forgotten: 2 was known to be applied.
        assert_eq!(had(&told, None), [Some(5), Some(2)]);
        let first = Told(vec![note(Sort::NumberedBatch, 1, 0, &[("x", &[1])])]);
        assert_eq!(had(&first, None), [None, None]);
        assert_eq!((first.last(0), first.last(1)), (1, 0));
    }

    #[test]
    fn an_heir_leaves_out_what_was_never_applied() {
        let told = Told(vec![
            note(Sort::NumberedBatch, 1, 0, &[("x", &[1])]),
            note(Sort::NumberedBatch, 2, 1, &[("y", &[2])]),
            // Neither was this.
            note(Sort::Heir, 1002, 1, &[("x", &[7])]),
            note(Sort::Heir, 2002, 1, &[("x", &[8])]),
            note(Sort::Heir, 3002, 2002, &[("x", &[9])]),
        ]);
        assert_eq!(had(&told, Some(1)), [Some(1), None]);
        assert_eq!(had(&told, Some(2)), [Some(1), Some(2)]);
        assert_eq!(had(&told, Some(2002)), [Some(8), None]);
        assert_eq!(had(&told, Some(3002)), [Some(9), None]);
    }

    #[test]
    fn notes_read_back_but_for_one_without_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("told");
        let mut notes = Notes::new(path.clone());
        notes.add(&[note(Sort::NumberedBatch, 1, 0, &[("x", &[u64::MAX])])]).unwrap();
        let mut second = note(Sort::NumberedBatch, 2, 1, &[("y", &[2])]);
        second.entries[0].2 = vec![Number::Float(0.1)];
        notes.add(&[second]).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"[\"batch\",0,3"].concat()).unwrap();
        let (mut notes, told) = Notes::read(&path).unwrap();
        assert_eq!(had(&told, Some(1)), [Some(u64::MAX), None]);
        assert_eq!(told.had(0, Some(2))[&("a_total", "y")], [Number::Float(0.1)]);
        assert_eq!(told.last(0), 2);
        notes.add(&[note(Sort::Heir, 1002, 2, &[("y", &[3])])]).unwrap();
        let (mut notes, told) = Notes::read(&path).unwrap();
        assert_eq!(had(&told, Some(1002)), [Some(u64::MAX), Some(3)]);

        notes.replace(&[note(Sort::Base, 1002, 1002, &[("x", &[4])])]).unwrap();
        notes.add(&[note(Sort::NumberedBatch, 1003, 1002, &[("y", &[5])])]).unwrap();
        let (_, told) = Notes::read(&path).unwrap();
        assert_eq!(had(&told, None), [Some(4), None]);
        assert_eq!(had(&told, Some(1003)), [Some(4), Some(5)]);
    }
}
