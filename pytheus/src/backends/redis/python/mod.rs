//! The keys of Python's `pytheus` 0.6.1 from `PyPI`, read and written by its processes as well. With the feature `redis-python`.
//!
//! | key | type | contents |
//! |---|---|---|
//! | `<name>` | string; a hash with labels | the value of a counter or gauge |
//! | `<name>:count`, `<name>:sum` | the same | the count and sum of a histogram or summary |
//! | `<name>:<bound>`, `<name>:+Inf` | the same | the cumulative count of a bucket |
//! | `pytheus/writer/<writer>` | string | the last sequence number of a writer: no metric of Python's has such a name |
//!
//! The field of a hash is the labels as `json.dumps` formats them: `{"method": "GET", "path": "/"}`. Redis has no declarations:
//! only processes with a declaration of their own can read a family. A family of a scoped registry has `<name>|<scope>` in
//! place of its name, and Python never reads it: its registries share all names.
//!
//! Differences of Python, and their treatment here:
//!
//! - Labels stand in the order of the program, so one series may have several fields. A read adds them up; a write goes to
//!   the field that Python has, or follows the order of the family's other fields.
//! - A whole bound is `1` or `1.0` in the key, depending on the program. Writes go to both keys, and reads take the greater.
//! - An observation arrives in pieces, smaller buckets first: a read never shows a bucket below its predecessor.
//! - A key of another type, after a change of labels, is left alone and reported.
//! - The time to live of a key starts over with each write and each scrape.

mod client;
mod names;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use crate::backends::custom::{Backend, BackendError, Batch, Removal, Totals};
use crate::backends::redis::context::Context;
use crate::backends::redis::fork_safe_slot::ForkSafeSlot;
use client::PythonClient;
use write::PythonWriter;

pub(crate) struct Python {
    client: PythonClient,
    writer: ForkSafeSlot<PythonWriter>,
}

impl Python {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { client: PythonClient::new(context), writer: ForkSafeSlot::new(PythonWriter::default()) }
    }
}

impl Backend for Python {
    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        self.writer.with(|writer| writer.apply(&self.client, batch))
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        self.writer.with(|writer| writer.remove(&self.client, removal))
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        Ok(read::load(&self.client, totals)?)
    }

    fn close(&self) -> Result<(), BackendError> {
        // All batches were sent.
        let _ = self.writer.with(|writer| writer.close(&self.client));
        Ok(())
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        self.writer.replace(PythonWriter::default());
        Ok(())
    }
}
