//! What went wrong in a scrape, to be told once no lock is held: reporters are the user's own code.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::backends::file::dir::FileError;
use crate::backends::file::format::{SkipReason, SkippedFile};
use crate::report::{SelfMetric, count, report};

/// What is to be told, and what was told already.
#[derive(Default)]
pub(crate) struct PendingReports {
    new: Vec<PendingReport>,
    skipped: HashSet<(PathBuf, SkipReason)>,
}

enum PendingReport {
    Skipped(Vec<SkippedFile>),
    NotFolded(String),
}

impl PendingReports {
    /// Files are none of ours: told once of each, and of many at a time in one report.
    pub(crate) fn skipped(&mut self, mut skipped: Vec<SkippedFile>) {
        skipped.retain(|skipped| self.skipped.insert((skipped.path.clone(), skipped.reason)));
        if !skipped.is_empty() {
            self.new.push(PendingReport::Skipped(skipped));
        }
    }

    /// The dead could not be folded: they are added up file by file.
    pub(crate) fn not_folded(&mut self, error: &FileError) {
        self.new.push(PendingReport::NotFolded(error.to_string()));
    }

    /// What is to be told now.
    pub(crate) fn take(&mut self) -> Reports {
        Reports(std::mem::take(&mut self.new))
    }
}

/// What is to be told, under no lock.
#[must_use]
pub(crate) struct Reports(Vec<PendingReport>);

impl Reports {
    /// Counts and reports it.
    pub(crate) fn emit(self) {
        for note in self.0 {
            match note {
                PendingReport::Skipped(skipped) => {
                    for skipped in &skipped {
                        count(SelfMetric::FilesSkipped, &[skipped.reason.as_str()]);
                    }
                    let Some(first) = skipped.first() else { continue };
                    let message = match skipped.len() {
                        1 => first.to_string(),
                        all => format!("{first}; and {} more are skipped", all - 1),
                    };
                    report(("file", &first.path.to_string_lossy()), &message);
                }
                PendingReport::NotFolded(error) => {
                    count(SelfMetric::BackendErrors, &["fold"]);
                    report(("fold", &error), &format!("files of processes that have ended stay for now: {error}"));
                }
            }
        }
    }
}
