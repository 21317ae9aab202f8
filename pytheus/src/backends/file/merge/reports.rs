//! Collects reports of a scrape, to be emitted once no lock is held: reporters are the user's code.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::backends::file::dir::FileError;
use crate::backends::file::format::{SkipReason, SkippedFile};
use crate::report::{SelfMetric, count, report};

/// Reports that were collected, and files that were reported.
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
    /// Reports skipped files: each once, many in one report.
    pub(crate) fn skipped(&mut self, mut skipped: Vec<SkippedFile>) {
        skipped.retain(|skipped| self.skipped.insert((skipped.path.clone(), skipped.reason)));
        if !skipped.is_empty() {
            self.new.push(PendingReport::Skipped(skipped));
        }
    }

    /// Reports a fold that failed. Scrapes read the files one by one until it succeeds.
    pub(crate) fn not_folded(&mut self, error: &FileError) {
        self.new.push(PendingReport::NotFolded(error.to_string()));
    }

    /// Takes the reports.
    pub(crate) fn take(&mut self) -> Reports {
        Reports(std::mem::take(&mut self.new))
    }
}

/// Reports to be emitted without a lock.
#[must_use]
pub(crate) struct Reports(Vec<PendingReport>);

impl Reports {
    /// Counts and logs them.
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
                    report(
                        ("fold", &error),
                        &format!("files of ended processes can't be archived yet (will retry): {error}"),
                    );
                }
            }
        }
    }
}
