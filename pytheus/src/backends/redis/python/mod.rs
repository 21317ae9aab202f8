//! Beside Python: the keys of `pytheus` 0.6.1 from `PyPI`, which its processes read and write as well.
//!
//! | key | type | what is in it |
//! |---|---|---|
//! | `<name>` | string; hash with labels | the value of a counter or gauge |
//! | `<name>:count`, `<name>:sum` | the same | of a histogram or summary |
//! | `<name>:<bound>`, `<name>:+Inf` | the same | the cumulative count of a bucket |
//! | `pytheus/writer/<writer>` | string | the number of its last batch: no metric of Python's has such a name |
//!
//! The field of a hash is the labels as `json.dumps` writes them: `{"method": "GET", "path": "/"}`. Nothing says what a
//! family is, so only who has declared it can read it. A family of a registry with a scope has `<name>|<scope>` in place of
//! its name, which Python never reads: there, all registries share their names.
//!
//! What Python does, and what is done about it here:
//!
//! - Labels stand in the order in which the program has named them, so that one series may have several fields. They are
//!   read as one; a series is written where Python has it, else in the order that the family's other fields have.
//! - A whole bound is `1` or `1.0` in the key, as the program has it. Both are added to, and the greater is shown.
//! - An observation arrives in pieces, the smaller buckets first: no bucket is shown with less than the one before it.
//! - A key that holds something else, as the labels of a metric have changed, is left alone and reported.
//! - The expiry of a key begins again with each write and each scrape.

mod names;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use redis::Script;

use crate::backends::custom::{BackendError, Batch, FamilyKey, Removal, Totals};
use crate::backends::redis::backend::GIVEN_UP;
use crate::backends::redis::berth::Berth;
use crate::backends::redis::client::error::RedisFault;
use crate::backends::redis::context::Common;
use crate::report;
use crate::sync::lock;
use write::Writer;

/// A script, and its text.
struct Code(Script, &'static str);

impl Code {
    fn new(code: &'static str) -> Self {
        Self(Script::new(code), code)
    }
}

/// What talks to Redis as Python does.
pub(crate) struct Python {
    writer: Berth<Writer>,
    apply: Code,
    find: Code,
    read: Code,
    /// The order in which Python's labels stand, where it is not the usual one.
    orders: Mutex<HashMap<String, Vec<usize>>>,
}

impl Python {
    pub(crate) fn new() -> Self {
        Self {
            writer: Berth::new(Writer::default()),
            apply: Code::new(include_str!("apply.lua")),
            find: Code::new(include_str!("find.lua")),
            read: Code::new(include_str!("read.lua")),
            orders: Mutex::default(),
        }
    }

    pub(crate) fn apply(&self, common: &Common, batch: &Batch) -> Result<(), BackendError> {
        self.send(|writer| writer.apply(self, common, batch))
    }

    pub(crate) fn remove(&self, common: &Common, removal: &Removal) -> Result<(), BackendError> {
        self.send(|writer| writer.remove(self, common, removal))
    }

    pub(crate) fn load(&self, common: &Common, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        Ok(read::load(self, common, totals)?)
    }

    /// Takes back what the gauges of the living have from this process.
    pub(crate) fn close(&self, common: &Common) -> Result<(), BackendError> {
        self.send(|writer| writer.close(self, common))
    }

    /// In a child: another writer, which has told nothing.
    pub(crate) fn forked(&self) {
        self.writer.replace(Writer::default());
    }

    fn send(&self, send: impl FnOnce(&mut Writer) -> Result<(), RedisFault>) -> Result<(), BackendError> {
        let mut aboard = self.writer.board();
        let Some(writer) = aboard.get() else { return Ok(()) };
        // Whoever has waited for another to give up, waits no second time.
        if let Some((when, fault)) = &writer.gave_up
            && when.elapsed() < GIVEN_UP
        {
            return Err(fault.clone().into());
        }
        let outcome = send(writer);
        writer.gave_up = outcome.clone().err().filter(RedisFault::is_timeout).map(|fault| (Instant::now(), fault));
        Ok(outcome?)
    }

    fn order(&self, id: &str, family: &FamilyKey) -> Vec<usize> {
        lock(&self.orders).get(id).cloned().unwrap_or_else(|| names::usual(family))
    }

    /// Python has the labels of a family in this order.
    fn learn(&self, id: &str, family: &FamilyKey, order: &[usize]) {
        if order != names::usual(family) {
            lock(&self.orders).entry(id.to_owned()).or_insert_with(|| order.to_vec());
        }
    }
}

/// A key holds something else than it should.
fn mistaken(key: &str) {
    let message = format!(
        "the key `{key}` in Redis does not hold what Python's pytheus would keep there for a metric as this program declares \
         it (have its labels changed?): what is counted there shows nowhere until the key is removed"
    );
    report::report_as(report::Level::Error, ("redis python", key), &message);
}
