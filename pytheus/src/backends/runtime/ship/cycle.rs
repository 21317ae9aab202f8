//! A cycle: one look at all families, and what is sent of it. Numbers of batches and removals, and retries.
//!
//! Sending is [idempotent](https://en.wikipedia.org/wiki/Idempotence): an operation keeps its sequence number until the
//! backend has taken it, so that a backend can tell a retry from the next one.

use std::collections::HashMap;
use std::sync::Arc;

use super::baseline::{MAX_CHANGES, Reading, SentBaseline};
use crate::backends::api::{Backend, BackendError, Batch, Change, LocalFamily, Removal, WriterId};
use crate::backends::runtime::removals::Removals;
use crate::sync::catch_panic;

/// The most parts in one batch, unless one series alone has more.
const MAX_PARTS: usize = 32_000;

/// The sent and the pending batches of one writer. Used by one thread at a time.
pub(super) struct Cycle {
    writer: WriterId,
    /// The last sequence number in use.
    sequence: u64,
    /// Repeated until the backend has taken it. Counts wait in the cells meanwhile.
    pending: Option<PendingOp>,
    /// By the address of the family.
    baselines: HashMap<usize, SentBaseline>,
    /// How many operations the backend has taken.
    pub(super) sent: u64,
}

enum PendingOp {
    Apply(Batch),
    Remove(Removal),
}

fn address(family: &Arc<dyn LocalFamily>) -> usize {
    Arc::as_ptr(family).addr()
}

impl Cycle {
    /// Starts as a writer that has sent nothing.
    pub(super) fn new() -> Self {
        Self { writer: WriterId::random(), sequence: 0, pending: None, baselines: HashMap::new(), sent: 0 }
    }

    /// Starts as a writer in a child process, where all numbers have begun at zero, and whose parent has sent the series.
    pub(super) fn inherited(families: &[Arc<dyn LocalFamily>]) -> Self {
        let mut cycle = Self::new();
        for family in families {
            if let Some(reading) = Reading::of(&**family) {
                cycle.baselines.insert(address(family), SentBaseline::inherited(family, &reading));
            }
        }
        cycle
    }

    /// Whether an operation waits for the backend to take it.
    pub(super) fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Sends what is pending, then removals and changes.
    pub(super) fn run(
        &mut self,
        backend: &dyn Backend,
        removals: &Removals,
        families: impl FnOnce() -> Vec<Arc<dyn LocalFamily>>,
    ) -> Result<(), BackendError> {
        self.send(backend)?;
        let mut changes = Changes::new();
        for family in families() {
            // Before the family is read: whatever is sent after a removal was then counted after it, too.
            if !removals.is_empty() {
                self.apply(backend, &mut changes)?;
                self.remove(backend, removals)?;
            }
            let Some(mut reading) = Reading::of(&*family) else { continue };
            loop {
                let baseline = self.baselines.entry(address(&family));
                let baseline = baseline.or_insert_with(|| SentBaseline::new(&family, reading.family()));
                if baseline.take_changes(&mut reading, &mut changes.room, &mut changes.list) {
                    break;
                }
                self.apply(backend, &mut changes)?;
            }
        }
        self.apply(backend, &mut changes)?;
        self.remove(backend, removals)?;
        self.baselines.retain(|_, baseline| baseline.is_needed());
        Ok(())
    }

    /// Sends the changes, and makes room for others.
    fn apply(&mut self, backend: &dyn Backend, changes: &mut Changes) -> Result<(), BackendError> {
        let Changes { list, .. } = std::mem::replace(changes, Changes::new());
        if list.is_empty() {
            return Ok(());
        }
        self.sequence += 1;
        self.pending = Some(PendingOp::Apply(Batch { writer: self.writer, sequence: self.sequence, changes: list }));
        self.send(backend)
    }

    /// Sends removals, and clears the baselines of these series: one that comes back, or has come back, is sent anew.
    fn remove(&mut self, backend: &dyn Backend, removals: &Removals) -> Result<(), BackendError> {
        loop {
            let series = removals.take(MAX_CHANGES);
            if series.is_empty() {
                return Ok(());
            }
            for (family, series) in &series {
                for baseline in self.baselines.values_mut().filter(|baseline| baseline.is_of(family)) {
                    baseline.clear(family, series);
                }
            }
            self.sequence += 1;
            self.pending = Some(PendingOp::Remove(Removal { writer: self.writer, sequence: self.sequence, series }));
            self.send(backend)?;
        }
    }

    fn send(&mut self, backend: &dyn Backend) -> Result<(), BackendError> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let sent = catch_panic(|| match pending {
            PendingOp::Apply(batch) => backend.apply(batch),
            PendingOp::Remove(removal) => backend.remove(removal),
        });
        sent.unwrap_or_else(|panic| Err(format!("the backend panicked: {panic}").into()))?;
        self.pending = None;
        self.sent += 1;
        Ok(())
    }
}

/// A batch in the making.
struct Changes {
    list: Vec<Change>,
    /// How many parts more it may have.
    room: usize,
}

impl Changes {
    fn new() -> Self {
        Self { list: Vec::new(), room: MAX_PARTS }
    }
}
