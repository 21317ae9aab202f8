//! What went wrong in a scrape, to be told once no lock is held: reporters are the user's own code.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::backends::file::dir::error::FileError;
use crate::backends::file::format::error::{Reason, Skip};
use crate::report::{Own, count, report};

/// What is to be told, and what was told already.
#[derive(Default)]
pub(crate) struct Notes {
    new: Vec<Note>,
    skipped: HashSet<(PathBuf, Reason)>,
}

enum Note {
    Skipped(Vec<Skip>),
    NotFolded(String),
}

impl Notes {
    /// Files are none of ours: told once of each, and of many at a time in one report.
    pub(crate) fn skipped(&mut self, mut skips: Vec<Skip>) {
        skips.retain(|skip| self.skipped.insert((skip.path.clone(), skip.reason)));
        if !skips.is_empty() {
            self.new.push(Note::Skipped(skips));
        }
    }

    /// The dead could not be folded: they are added up file by file.
    pub(crate) fn not_folded(&mut self, error: &FileError) {
        self.new.push(Note::NotFolded(error.to_string()));
    }

    /// What is to be told now.
    pub(crate) fn take(&mut self) -> ToTell {
        ToTell(std::mem::take(&mut self.new))
    }
}

/// What is to be told, under no lock.
#[must_use]
pub(crate) struct ToTell(Vec<Note>);

impl ToTell {
    /// Counts and reports it.
    pub(crate) fn tell(self) {
        for note in self.0 {
            match note {
                Note::Skipped(skips) => {
                    for skip in &skips {
                        count(Own::FilesSkipped, &[skip.reason.as_str()]);
                    }
                    let Some(first) = skips.first() else { continue };
                    let message = match skips.len() {
                        1 => first.to_string(),
                        all => format!("{first}; and {} more are skipped", all - 1),
                    };
                    report(("file", &first.path.to_string_lossy()), &message);
                }
                Note::NotFolded(error) => {
                    count(Own::BackendErrors, &["fold"]);
                    report(("fold", &error), &format!("files of processes that have ended stay for now: {error}"));
                }
            }
        }
    }
}
