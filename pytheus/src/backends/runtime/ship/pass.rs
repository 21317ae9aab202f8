//! One look at all families, and what is sent of it.

use std::collections::HashMap;
use std::sync::Arc;

use super::known::{Known, Reading};
use super::removals::Removals;
use crate::backends::api::{Backend, BackendError, Batch, Change, LocalFamily, Removal, WriterId};
use crate::sync::catch_panic;

/// The most series in one batch.
pub(super) const MOST_CHANGES: usize = 1_000;

/// The most parts in one batch, unless one series alone has more.
const MOST_PARTS: usize = 32_000;

/// What one writer has sent, and is about to send. Used by one thread at a time.
pub(super) struct Pass {
    writer: WriterId,
    /// The last number that was given away.
    sequence: u64,
    /// What is repeated until the backend is known to have it. All that is counted meanwhile waits in the cells.
    pending: Option<Errand>,
    /// By the address of the family.
    known: HashMap<usize, Known>,
    /// How many errands were done.
    pub(super) sent: u64,
}

enum Errand {
    Apply(Batch),
    Remove(Removal),
}

fn address(member: &Arc<dyn LocalFamily>) -> usize {
    Arc::as_ptr(member).addr()
}

impl Pass {
    /// A writer that has sent nothing yet.
    pub(super) fn new() -> Self {
        Self { writer: WriterId::random(), sequence: 0, pending: None, known: HashMap::new(), sent: 0 }
    }

    /// A writer in a child process, where all numbers have begun at zero: the parent has told of the series.
    pub(super) fn inherited(members: &[Arc<dyn LocalFamily>]) -> Self {
        let mut pass = Self::new();
        for member in members {
            if let Some(reading) = Reading::of(&**member) {
                pass.known.insert(address(member), Known::inherited(member, &reading));
            }
        }
        pass
    }

    /// Sends what is pending, then what was removed and what has changed.
    pub(super) fn run(
        &mut self,
        backend: &dyn Backend,
        removals: &Removals,
        members: impl FnOnce() -> Vec<Arc<dyn LocalFamily>>,
    ) -> Result<(), BackendError> {
        self.send(backend)?;
        let mut changes = Changes::new();
        for member in members() {
            // Before the family is looked at: what is sent after a removal was then counted after it, too.
            if removals.are_there() {
                self.apply(backend, &mut changes)?;
                self.remove(backend, removals)?;
            }
            let Some(mut reading) = Reading::of(&*member) else { continue };
            loop {
                let known = self.known.entry(address(&member));
                let known = known.or_insert_with(|| Known::new(&member, reading.family()));
                if known.take(&mut reading, &mut changes.room, &mut changes.list) {
                    break;
                }
                self.apply(backend, &mut changes)?;
            }
        }
        self.apply(backend, &mut changes)?;
        self.remove(backend, removals)?;
        self.known.retain(|_, known| known.is_needed());
        Ok(())
    }

    /// Sends the changes, and leaves room for others.
    fn apply(&mut self, backend: &dyn Backend, changes: &mut Changes) -> Result<(), BackendError> {
        let Changes { list, .. } = std::mem::replace(changes, Changes::new());
        if list.is_empty() {
            return Ok(());
        }
        self.sequence += 1;
        self.pending = Some(Errand::Apply(Batch { writer: self.writer, sequence: self.sequence, changes: list }));
        self.send(backend)
    }

    /// Sends what is to be removed, of which nothing is known any more: should it come back meanwhile, or have come back,
    /// it is told of anew.
    fn remove(&mut self, backend: &dyn Backend, removals: &Removals) -> Result<(), BackendError> {
        loop {
            let series = removals.take(MOST_CHANGES);
            if series.is_empty() {
                return Ok(());
            }
            for (family, series) in &series {
                for known in self.known.values_mut().filter(|known| known.is_of(family)) {
                    known.forget(family, series);
                }
            }
            self.sequence += 1;
            self.pending = Some(Errand::Remove(Removal { writer: self.writer, sequence: self.sequence, series }));
            self.send(backend)?;
        }
    }

    fn send(&mut self, backend: &dyn Backend) -> Result<(), BackendError> {
        let Some(errand) = &self.pending else { return Ok(()) };
        let done = catch_panic(|| match errand {
            Errand::Apply(batch) => backend.apply(batch),
            Errand::Remove(removal) => backend.remove(removal),
        });
        done.unwrap_or_else(|panic| Err(format!("the backend panicked: {panic}").into()))?;
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
        Self { list: Vec::new(), room: MOST_PARTS }
    }
}
