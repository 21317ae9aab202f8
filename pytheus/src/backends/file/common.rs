//! The file that all processes write: gauges that they share, and state sets.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::contents::PeerSeries;
use super::fault::{Fault, Skip};
use crate::backends::{At, FamilyKey, SeriesKey};
use crate::storage::Page;

/// The file that all processes write.
pub(super) struct CommonFile {}

#[allow(unused_variables, clippy::unused_self, clippy::needless_pass_by_value, reason = "to be written")]
impl CommonFile {
    /// Opens the file, or makes it if it is missing. The caller holds the directory's lock.
    pub(super) fn open(path: &Path) -> Result<Self, Skip> {
        Err(Fault::corrupt("not yet").at(path))
    }

    /// Reads what others have added; says whether anything is new.
    pub(super) fn refresh(&self) -> Result<bool, Skip> {
        Ok(false)
    }

    /// Where a series lies, if it is there.
    pub(super) fn find(&self, family: &FamilyKey, series: &SeriesKey) -> Result<Option<At>, Skip> {
        Ok(None)
    }

    /// Where a series lies, which is added if it is not there. The caller holds the directory's lock.
    pub(super) fn find_or_add(&self, family: &FamilyKey, series: &SeriesKey, promised: bool) -> io::Result<At> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sets a series to nothing: it shows again once it is set. The caller holds the directory's lock.
    pub(super) fn remove(&self, at: At) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Its pages, from [`At::COMMON`] on.
    pub(super) fn page(&self, page: u32) -> Option<&'static Page> {
        None
    }

    /// Shows each series with its number in the file and its family. Their order stays; new ones come last.
    pub(super) fn each(&self, show: impl FnMut(usize, &Arc<FamilyKey>, &PeerSeries)) {}

    /// The value of a gauge, without work in progress; `None` when it was never set.
    pub(super) fn value(&self, at: At) -> Option<f64> {
        None
    }

    /// The flags of a state set.
    pub(super) fn flags(&self, at: At) -> u64 {
        0
    }
}
