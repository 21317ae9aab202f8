//! The archive: totals of ended processes, and tombstones of removed series.
//!
//! An archive is never changed. A new one replaces it in one step, under the directory lock, so a reader can tell at
//! any time whether the one that it has read is current.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;

use crate::backends::custom::{FamilyKey, SeriesKey};
use crate::backends::file::format::{ExactAmount, FileId};

/// Totals of ended processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Archive {
    /// Number of archives before it.
    pub(crate) generation: u64,
    pub(crate) families: Vec<ArchivedFamily>,
    /// Files whose counts are included. They may still exist, and are skipped then.
    pub(crate) folded: HashSet<FileId>,
    pub(crate) tombstones: Vec<Tombstone>,
    /// The file that was read, kept open so that no other gets its inode; `None` if there was none.
    pub(crate) file: Option<Arc<File>>,
}

/// Totals of a family.
#[derive(Debug, Clone)]
pub(crate) struct ArchivedFamily {
    pub(crate) key: Arc<FamilyKey>,
    /// Start number of the last process with this declaration.
    pub(crate) newest: u64,
    /// Amounts of each series, one per part. For a most recent gauge, the whole number is the time at which it was set.
    pub(crate) series: Vec<(SeriesKey, Box<[ExactAmount]>)>,
}

/// A series that was removed while a process counted in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tombstone {
    /// The file of the process.
    pub(crate) file: FileId,
    /// Number of the series there.
    pub(crate) series: u32,
    /// The *baseline*: amounts up to it no longer count. See
    /// [`baseline_of`](crate::backends::file::archive::tombstones::baseline_of).
    pub(crate) amounts: Box<[ExactAmount]>,
}

impl Archive {
    /// Drops ids and tombstones of files that neither exist nor count.
    pub(crate) fn forget(&mut self, present: &HashSet<FileId>) {
        let Self { folded, tombstones, .. } = self;
        folded.retain(|id| present.contains(id));
        tombstones.retain(|tombstones| present.contains(&tombstones.file) && !folded.contains(&tombstones.file));
    }
}
