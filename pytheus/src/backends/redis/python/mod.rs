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

mod names;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::backends::custom::{Backend, BackendError, Batch, FamilyKey, Removal, Totals};
use crate::backends::redis::client::connection::ServerScript;
use crate::backends::redis::context::Context;
use crate::backends::redis::fork_safe_slot::ForkSafeSlot;
use crate::report;
use crate::sync::lock;
use write::PythonWriter;

pub(crate) struct Python {
    context: Arc<Context>,
    writer: ForkSafeSlot<PythonWriter>,
    apply: ServerScript,
    find: ServerScript,
    read: ServerScript,
    /// The order of a family's labels in Python, where it is not the default.
    orders: Mutex<HashMap<String, Vec<usize>>>,
}

impl Python {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            writer: ForkSafeSlot::new(PythonWriter::default()),
            apply: ServerScript::new(include_str!("apply.lua")),
            find: ServerScript::new(include_str!("find.lua")),
            read: ServerScript::new(include_str!("read.lua")),
            orders: Mutex::default(),
        }
    }

    fn order(&self, id: &str, family: &FamilyKey) -> Vec<usize> {
        lock(&self.orders).get(id).cloned().unwrap_or_else(|| names::default_order(family))
    }

    /// Remembers the order of a family's labels in Python.
    fn learn_order(&self, id: &str, family: &FamilyKey, order: &[usize]) {
        if order != names::default_order(family) {
            lock(&self.orders).entry(id.to_owned()).or_insert_with(|| order.to_vec());
        }
    }
}

impl Backend for Python {
    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        self.writer.with(|writer| writer.apply(self, batch))
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        self.writer.with(|writer| writer.remove(self, removal))
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        Ok(read::load(self, totals)?)
    }

    fn close(&self) -> Result<(), BackendError> {
        // All batches were sent.
        let _ = self.writer.with(|writer| writer.close(self));
        Ok(())
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        self.writer.replace(PythonWriter::default());
        Ok(())
    }
}

/// Reports a key with other contents than the family's.
fn report_mismatch(key: &str) {
    let message = format!(
        "the key `{key}` in Redis does not hold what Python's pytheus would keep there for a metric as this program declares \
         it (have its labels changed?): what is counted there shows nowhere until the key is removed"
    );
    report::report_as(report::Level::Error, ("redis python", key), &message);
}
