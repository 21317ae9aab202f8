//! Where the cells of a process can't lie in files.

use std::path::PathBuf;
use std::sync::Arc;

use super::common::Common;
use crate::backends::{Arena, BackendError};

pub(super) struct Heir;

#[allow(clippy::unused_self, reason = "as where there are files")]
impl Heir {
    pub(super) fn new(directory: Option<&PathBuf>) -> Result<Self, BackendError> {
        directory.map_or(Ok(Self), |_| Err("`spool_directory` needs a Unix system".into()))
    }

    pub(super) fn arena(&self) -> Option<Arc<dyn Arena>> {
        None
    }

    pub(super) fn own(&self) -> Option<(String, PathBuf)> {
        None
    }

    #[allow(clippy::unnecessary_wraps, reason = "as where there are files")]
    pub(super) fn forked(&self) -> Result<(), BackendError> {
        Ok(())
    }

    pub(super) fn close(&self, _: &Common) {}

    pub(super) fn inherit(&self, _: &Common, _: Option<&str>) {}
}
