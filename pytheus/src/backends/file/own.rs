//! The file of this process.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use super::common::CommonFile;
use super::header::Header;
use crate::backends::{Arena, At, BackendError, Begun, FamilyKey, SeriesKey};
use crate::storage::Page;

/// Does something while no other process changes what is in the directory.
pub(super) type WithDirectory = Box<dyn Fn(&mut dyn FnMut() -> io::Result<At>) -> io::Result<At> + Send + Sync>;

/// The file of this process, in which it counts.
pub(super) struct OwnFile {
    header: Header,
    common: Arc<CommonFile>,
    with_directory: WithDirectory,
}

#[allow(unused_variables, reason = "to be written")]
impl OwnFile {
    /// Of a file that is open for reading and writing, empty, and locked for the life of this process.
    ///
    /// The handle may be an `Arc<File>`, or one that is closed in a child.
    pub(super) fn create(
        file: impl Deref<Target = File> + Send + Sync + 'static,
        header: Header,
        common: Arc<CommonFile>,
        with_directory: WithDirectory,
    ) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn common_file(&self) -> &Arc<CommonFile> {
        &self.common
    }
}

#[allow(unused_variables, reason = "to be written")]
impl Arena for OwnFile {
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page> {
        None
    }
    fn begin(&self, series: &Begun<'_>) -> Result<(), BackendError> {
        Err("not yet".into())
    }
    fn extend(&self, series: At, also: At) -> Result<(), BackendError> {
        Err("not yet".into())
    }
    fn end(&self, series: At) {}
    fn common(&self, family: &Arc<FamilyKey>, series: &SeriesKey, promised: bool) -> Result<At, BackendError> {
        Err("not yet".into())
    }
}
