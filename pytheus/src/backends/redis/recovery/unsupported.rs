//! Where the cells of a process can't lie in files.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backends::custom::{Arena, BackendError};
use crate::backends::redis::context::Common;

pub(crate) struct Heir;

#[allow(clippy::unused_self, reason = "as where there are files")]
impl Heir {
    pub(crate) fn new(directory: Option<&PathBuf>) -> Result<Self, BackendError> {
        directory.map_or(Ok(Self), |_| Err("`spool_directory` needs a Unix system".into()))
    }

    pub(crate) fn arena(&self) -> Option<Arc<dyn Arena>> {
        None
    }

    pub(crate) fn own(&self) -> Option<(String, PathBuf)> {
        None
    }

    #[allow(clippy::unnecessary_wraps, reason = "as where there are files")]
    pub(crate) fn forked(&self) -> Result<(), BackendError> {
        Ok(())
    }

    pub(crate) fn close(&self, _: &Common) {}

    pub(crate) fn inherit(&self, _: &Common, _: Option<&str>) {}
}
