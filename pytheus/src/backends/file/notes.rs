//! What went wrong in a scrape, to be told once no lock is held: reporters are the user's own code.

use std::collections::HashSet;
use std::path::PathBuf;

use super::error::FileError;
use super::fault::{Reason, Skip};
use crate::report::{Own, count, report};

/// What is to be told, and what was told already.
#[derive(Default)]
pub(super) struct Notes {
    new: Vec<Note>,
    skipped: HashSet<(PathBuf, Reason)>,
}

enum Note {
    Skipped(Skip),
    NotFolded(String),
}

impl Notes {
    /// A file is left out: told once.
    pub(super) fn skipped(&mut self, skip: Skip) {
        if self.skipped.insert((skip.path.clone(), skip.reason)) {
            self.new.push(Note::Skipped(skip));
        }
    }

    /// The dead could not be folded: they are added up file by file.
    pub(super) fn not_folded(&mut self, error: &FileError) {
        self.new.push(Note::NotFolded(error.to_string()));
    }

    /// What is to be told now.
    pub(super) fn take(&mut self) -> ToTell {
        ToTell(std::mem::take(&mut self.new))
    }
}

/// What is to be told, under no lock.
#[must_use]
pub(super) struct ToTell(Vec<Note>);

impl ToTell {
    /// Counts and reports it.
    pub(super) fn tell(self) {
        for note in self.0 {
            match note {
                Note::Skipped(skip) => {
                    count(Own::FilesSkipped, &[skip.reason.as_str()]);
                    report(("file", &skip.path.to_string_lossy()), &skip.to_string());
                }
                Note::NotFolded(error) => {
                    count(Own::BackendErrors, &["fold"]);
                    report(("fold", &error), &format!("files of processes that have ended stay for now: {error}"));
                }
            }
        }
    }
}
