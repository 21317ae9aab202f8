//! What went wrong in a scrape, to be told once no lock is held: reporters are the user's own code.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use super::amount::FileId;
use super::error::FileError;
use super::fault::{Reason, Skip};
use crate::backends::FamilyKey;
use crate::report::{Own, count, report};

/// What is to be told, and what was told already.
#[derive(Default)]
pub(super) struct Notes {
    new: Vec<Note>,
    skipped: HashSet<(PathBuf, Reason)>,
    conflicts: HashSet<(String, Who, Option<FileId>)>,
}

enum Note {
    Skipped(Vec<Skip>),
    Conflict { metric: String, message: String },
    NotFolded(String),
}

/// Who has declared a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// The process of this number.
    Process(u32),
    /// All that share its series.
    All,
    /// Those that are gone.
    Dead,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(pid) => write!(f, "process {pid}"),
            Self::All => f.write_str("processes that have shared it"),
            Self::Dead => f.write_str("processes that have ended"),
        }
    }
}

impl Notes {
    /// Files are none of ours: told once of each, and of many at a time in one report.
    pub(super) fn skipped(&mut self, mut skips: Vec<Skip>) {
        skips.retain(|skip| self.skipped.insert((skip.path.clone(), skip.reason)));
        if !skips.is_empty() {
            self.new.push(Note::Skipped(skips));
        }
    }

    /// What `who` counts in a family is left out: told once of each file.
    pub(super) fn conflict(
        &mut self,
        family: &FamilyKey,
        (who, file): (Who, Option<FileId>),
        stands: Who,
        difference: &str,
    ) {
        let metric = family.name().to_owned();
        if self.conflicts.insert((metric.clone(), who, file)) {
            let message = format!(
                "`{metric}` is declared with other {difference} by {who} than by {stands}, whose declaration stands; \
                 what {who} counted in it is left out"
            );
            self.new.push(Note::Conflict { metric, message });
        }
    }

    /// What was counted by the dead in a family is dropped.
    pub(super) fn dropped(&mut self, family: &FamilyKey, difference: &str) {
        let metric = family.name().to_owned();
        let message = format!(
            "`{metric}` was declared anew with other {difference}; what processes that have ended had counted in it \
             is dropped"
        );
        self.new.push(Note::Conflict { metric, message });
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
                Note::Conflict { metric, message } => {
                    count(Own::BackendConflicts, &[&metric]);
                    report(("declaration", &message), &message);
                }
                Note::NotFolded(error) => {
                    count(Own::BackendErrors, &["fold"]);
                    report(("fold", &error), &format!("files of processes that have ended stay for now: {error}"));
                }
            }
        }
    }
}
