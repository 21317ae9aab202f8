//! State that describes threads, and begins anew in a forked child: its threads are those of the parent.

use std::sync::Mutex;

use crate::model::process;
use crate::sync::lock;

/// State of one process.
pub(super) struct PerProcess<T>(Mutex<Option<(u32, T)>>);

impl<T: Default> PerProcess<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Locks the state, and runs code on it. No code of the user's may run meanwhile.
    pub(super) fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        let process = process::id();
        let mut state = lock(&self.0);
        if state.as_ref().is_some_and(|(owner, _)| *owner != process) {
            // Not dropped: parts of it belong to a runtime of the parent.
            std::mem::forget(state.take());
        }
        let (_, state) = state.get_or_insert_with(|| (process, T::default()));
        run(state)
    }
}
