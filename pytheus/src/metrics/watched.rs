//! Futures around a user's future. They hold it once, where an `async` block would hold it as what it captured and
//! again as what it awaits: attributes stack, and each would double what is under it.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// What is told when the work that it watches panics.
pub trait Watch {
    /// If this is dropped now, the work panicked. A drop alone tells nothing: a future may be dropped *by* a panic
    /// elsewhere, and is then cancelled.
    fn panicked(&mut self) {}
}

impl Watch for () {}

impl<W: Watch> Watch for &mut W {
    #[inline]
    fn panicked(&mut self) {
        (**self).panicked();
    }
}

/// Attributes on one function share the future that watches it.
impl<W: Watch, Rest: Watch> Watch for (W, Rest) {
    #[inline]
    fn panicked(&mut self) {
        self.0.panicked();
        self.1.panicked();
    }
}

pin_project! {
    /// Polls a future, and tells `watch` when that panics.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Watching<W, F> {
        #[pin]
        work: F,
        watch: W,
    }
}

/// Polls `work`, and tells `watch` when that panics.
pub fn watch<W: Watch, F: Future>(watch: W, work: F) -> Watching<W, F> {
    Watching { work, watch }
}

impl<W: Watch, F: Future> Future for Watching<W, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut alarm = Alarm { watch: this.watch, armed: true };
        let polled = this.work.poll(context);
        alarm.armed = false;
        polled
    }
}

struct Alarm<'a, W: Watch> {
    watch: &'a mut W,
    armed: bool,
}

impl<W: Watch> Drop for Alarm<'_, W> {
    fn drop(&mut self) {
        if self.armed {
            self.watch.panicked();
        }
    }
}

pin_project! {
    /// A future, what begins at its first poll, and what follows when it is done.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Watched<F, S, G, E> {
        // Dropped before the guard, as the work in an `async` block is.
        #[pin]
        work: F,
        start: Option<S>,
        guard: Option<G>,
        end: Option<E>,
    }
}

/// Makes a guard with `start` at the first poll, and hands it to `end` with the result of the work. When that panics
/// or is dropped, so is the guard.
pub fn watched<F, S, G, E>(start: S, work: F, end: E) -> Watched<F, S, G, E>
where
    F: Future,
    S: FnOnce() -> G,
    G: Watch,
    E: FnOnce(G, F::Output) -> F::Output,
{
    Watched { work, start: Some(start), guard: None, end: Some(end) }
}

impl<F, S, G, E> Future for Watched<F, S, G, E>
where
    F: Future,
    S: FnOnce() -> G,
    G: Watch,
    E: FnOnce(G, F::Output) -> F::Output,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(start) = this.start.take() {
            *this.guard = Some(start());
        }
        let mut bomb = Bomb { guard: this.guard, armed: true };
        let polled = this.work.poll(context);
        bomb.armed = false;
        drop(bomb);
        let Poll::Ready(result) = polled else { return Poll::Pending };
        match (this.guard.take(), this.end.take()) {
            (Some(guard), Some(end)) => Poll::Ready(end(guard, result)),
            _ => Poll::Ready(result),
        }
    }
}

/// Ends the guard when the work panics, not only when the future is dropped.
struct Bomb<'a, G: Watch> {
    guard: &'a mut Option<G>,
    armed: bool,
}

impl<G: Watch> Drop for Bomb<'_, G> {
    fn drop(&mut self) {
        if self.armed
            && let Some(mut guard) = self.guard.take()
        {
            guard.panicked();
        }
    }
}
