//! Systems without a spool.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::backends::custom::{Arena, BackendError};
use crate::backends::redis::context::Context;

/// A spool, of which there is none.
pub(crate) enum Spool {}

impl Spool {
    pub(crate) fn open(_: &Path) -> Result<Self, BackendError> {
        Err("`spool_directory` needs a Unix system".into())
    }

    pub(crate) fn arena(&self) -> Option<Arc<dyn Arena>> {
        match *self {}
    }

    pub(crate) fn own(&self) -> Option<(String, PathBuf)> {
        match *self {}
    }

    pub(crate) fn close(&self) -> Result<(), BackendError> {
        match *self {}
    }

    pub(crate) fn forked(&self) -> Result<(), BackendError> {
        match *self {}
    }
}

#[derive(Default)]
pub(crate) struct Recovery;

impl Recovery {
    #[allow(clippy::unused_self, reason = "as with a spool")]
    pub(crate) fn run(&mut self, _: &Context, spool: &Spool, _: Option<&str>, _: Instant) -> bool {
        match *spool {}
    }
}

pub(crate) fn own_writer(spool: &Spool) -> Option<(String, PathBuf)> {
    match *spool {}
}
