//! A value for one call at a time, also across requests to a server.
//!
//! A fork waits for all locks of this crate ([`crate::sync`]), and a request may take seconds. Hence no lock is held during a
//! call: the value is taken out of its slot meanwhile. In a forked child, such a value belongs to a thread of the parent;
//! the child [replaces](ForkSafeSlot::replace) it.

use std::sync::Mutex;

use crate::backends::custom::BackendError;
use crate::sync::lock;

pub(crate) struct ForkSafeSlot<T>(Mutex<Option<Box<T>>>);

impl<T> ForkSafeSlot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(Some(Box::new(value))))
    }

    /// Lends the value to a call. The core calls a backend from one thread at a time: a second call is refused.
    pub(crate) fn with<R, E: Into<BackendError>>(
        &self,
        run: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, BackendError> {
        let mut lent = Lent { slot: self, value: lock(&self.0).take() };
        let value = lent.value.as_deref_mut().ok_or("another call of this backend is under way")?;
        run(value).map_err(Into::into)
    }

    /// Puts in another value, in a child process.
    pub(crate) fn replace(&self, value: T) {
        let former = lock(&self.0).replace(Box::new(value));
        drop(former);
    }
}

/// Returns the value to its slot, also after a panic.
struct Lent<'a, T> {
    slot: &'a ForkSafeSlot<T>,
    value: Option<Box<T>>,
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            lock(&self.slot.0).get_or_insert(value);
        }
    }
}
