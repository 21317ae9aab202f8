//! Futures around a user's future. They hold it once, where an `async` block would hold it twice, as a capture and as what it
//! awaits: attributes stack, and each would double the size.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Notices a panic of the work that it goes with.
pub trait PanicObserver {
    /// Called when the work has panicked, before this is dropped. A drop alone doesn't tell: a panic elsewhere may drop the
    /// future, which is then cancelled.
    fn panicked(&mut self) {}
}

impl PanicObserver for () {}

impl<O: PanicObserver> PanicObserver for &mut O {
    #[inline]
    fn panicked(&mut self) {
        (**self).panicked();
    }
}

/// Attributes on one function share the future that observes it.
impl<O: PanicObserver, Rest: PanicObserver> PanicObserver for (O, Rest) {
    #[inline]
    fn panicked(&mut self) {
        self.0.panicked();
        self.1.panicked();
    }
}

/// Drops the observer at a panic, not only when the future is dropped.
impl<O: PanicObserver> PanicObserver for Option<O> {
    #[inline]
    fn panicked(&mut self) {
        if let Some(mut observer) = self.take() {
            observer.panicked();
        }
    }
}

/// Calls the observer when it is dropped by a panic.
struct PanicGuard<'a, O: PanicObserver> {
    observer: &'a mut O,
    is_armed: bool,
}

impl<O: PanicObserver> Drop for PanicGuard<'_, O> {
    fn drop(&mut self) {
        if self.is_armed {
            self.observer.panicked();
        }
    }
}

pin_project! {
    /// A future, a guard made at its first poll, and a function for its result.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Instrumented<F, S, G, E> {
        // Dropped before the guard, as the work in an `async` block is.
        #[pin]
        work: F,
        start: Option<S>,
        guard: Option<G>,
        end: Option<E>,
    }
}

/// Makes a guard with `start` at the first poll, and hands it to `end` with the result of the work. When the work panics
/// or is dropped, so is the guard.
pub fn instrument<F, S, G, E>(start: S, work: F, end: E) -> Instrumented<F, S, G, E>
where
    F: Future,
    S: FnOnce() -> G,
    G: PanicObserver,
    E: FnOnce(G, F::Output) -> F::Output,
{
    Instrumented { work, start: Some(start), guard: None, end: Some(end) }
}

/// Calls `observer` when the work panics.
pub fn observe_panics<O: PanicObserver, F: Future>(observer: O, work: F) -> impl Future<Output = F::Output> {
    instrument(move || observer, work, |_, result| result)
}

impl<F, S, G, E> Future for Instrumented<F, S, G, E>
where
    F: Future,
    S: FnOnce() -> G,
    G: PanicObserver,
    E: FnOnce(G, F::Output) -> F::Output,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(start) = this.start.take() {
            *this.guard = Some(start());
        }
        let mut observed = PanicGuard { observer: this.guard, is_armed: true };
        let polled = this.work.poll(context);
        observed.is_armed = false;
        drop(observed);
        let Poll::Ready(result) = polled else { return Poll::Pending };
        match (this.guard.take(), this.end.take()) {
            (Some(guard), Some(end)) => Poll::Ready(end(guard, result)),
            _ => Poll::Ready(result),
        }
    }
}
