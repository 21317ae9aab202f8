//! The file of a process, as others read it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::amount::{Amount, FileId};
pub(super) use super::contents::PeerSeries;
use super::fault::{Fault, Skip};
use super::header::Header;
use crate::backends::{At, FamilyKey};

/// The file of a process, as others read it.
pub(super) struct Peer {
    path: PathBuf,
    file: File,
    header: Header,
}

#[allow(unused_variables, reason = "to be written")]
#[allow(clippy::unused_self, reason = "to be written")]
impl Peer {
    pub(super) fn open(path: &Path) -> Result<Self, Skip> {
        Err(Fault::corrupt("not yet").at(path))
    }
    /// Reads what is new in the log; says whether anything is.
    pub(super) fn refresh(&mut self) -> Result<bool, Skip> {
        Ok(false)
    }
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
    pub(super) fn id(&self) -> FileId {
        self.header.id
    }
    pub(super) fn number(&self) -> u64 {
        self.header.number
    }
    pub(super) fn pid(&self) -> u32 {
        self.header.pid
    }
    pub(super) fn is_alive(&self) -> io::Result<bool> {
        Ok(false)
    }
    pub(super) fn families(&self) -> &[Arc<FamilyKey>] {
        &[]
    }
    pub(super) fn series(&self) -> &[PeerSeries] {
        &[]
    }
    /// Adds the parts of a series (as many as the width of its family), of [`Combine::Add`](crate::backends::Combine).
    pub(super) fn read(&self, series: usize, parts: &mut [Amount]) {}
    /// A gauge of this process, work in progress included; `None` when it was never set and there never was any.
    pub(super) fn value(&self, series: usize) -> Option<f64> {
        None
    }
    /// When it was set last.
    pub(super) fn stamp(&self, series: usize) -> u64 {
        0
    }
    /// Work in progress of a series, of this process or common to all, in this process.
    pub(super) fn in_progress(&self, at: At) -> u64 {
        0
    }
    /// The flags of an info metric.
    pub(super) fn flags(&self, series: usize) -> u64 {
        0
    }
    /// Has no series ended since the log was read? Then what was read of cells meanwhile is theirs.
    pub(super) fn unchanged_since_parse(&self) -> bool {
        true
    }
}
