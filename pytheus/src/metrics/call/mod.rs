//! A call of a function with attributes, which counts by its outcome.
//!
//! Attributes that do not depend on the outcome write a plain guard or a plain `inc` in place of this.

mod guard;
mod instrumented;
mod outcome;

use std::fmt;
use std::marker::PhantomData;

pub(crate) use guard::timed;
pub use guard::{InProgress, Timed, Timer};
pub use instrumented::{PanicObserver, instrument, observe_panics};
pub use outcome::{HasOutcome, Outcome, Probe, ProbeAny, ProbeOutcome};

use crate::clock::{self, Moment, needs_clock};

/// A set of outcomes: the calls that count.
#[derive(Debug, Clone, Copy)]
pub struct On(u8);

impl On {
    /// No outcome; a pattern at the end decides what counts.
    pub const NONE: Self = Self(0);
    /// Every outcome.
    pub const CALL: Self = Self(0b1111);
    /// [`Outcome::Ok`].
    pub const OK: Self = Self::just(Outcome::Ok);
    /// [`Outcome::Error`].
    pub const ERROR: Self = Self::just(Outcome::Error);
    /// [`Outcome::Panicked`].
    pub const PANICKED: Self = Self::just(Outcome::Panicked);
    /// [`Outcome::Cancelled`].
    pub const CANCELLED: Self = Self::just(Outcome::Cancelled);

    const fn just(outcome: Outcome) -> Self {
        Self(1 << outcome as u8)
    }

    /// Both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn includes(self, outcome: Outcome) -> bool {
        self.0 & Self::just(outcome).0 != 0
    }
}

/// The update of a metric, plain or labelled, when a call counts.
pub trait Effect<M> {
    /// State from the begin of the call. Only some effects read a clock, the larger part of a call's cost.
    type Began: fmt::Debug;

    /// Called as the call begins.
    fn begin() -> Self::Began;

    /// Called once, when the call counts.
    fn apply(self, metric: &M, began: Self::Began);
}

/// Adds one to a counter.
#[derive(Debug, Clone, Copy)]
pub struct Count;

/// Takes the time of the call: a histogram or summary observes it, a gauge is set to it.
#[derive(Debug, Clone, Copy)]
pub struct Observe;

/// Sets a gauge to the time of day.
#[derive(Debug, Clone, Copy)]
pub struct SetTimestamp;

needs_clock! {
    [impl<M: Timed> Effect<M> for Observe] {
        type Began = Moment;

        #[inline]
        fn begin() -> Moment {
            Moment::now()
        }

        #[inline]
        fn apply(self, metric: &M, began: Moment) {
            metric.record_seconds(clock::seconds_since(began));
        }
    }
}

/// One call: counts once, when it is finished or when it is dropped unfinished.
///
/// `resolve` finds the series at the end: from the labels of the returned value, `None` without such a value, and from
/// the outcome.
pub struct Call<M, E: Effect<M>, T, F>
where
    F: FnOnce(Option<T>, Outcome) -> M,
{
    pending: Option<(E, E::Began, F)>,
    labels: PhantomData<fn(T)>,
    on: On,
    /// The outcome of a call that is dropped before it is finished.
    unfinished: Outcome,
}

impl<M, E: Effect<M>, T, F> Call<M, E, T, F>
where
    F: FnOnce(Option<T>, Outcome) -> M,
{
    /// Begins a call of a plain function: unfinished, it panicked.
    #[inline]
    pub fn begin(effect: E, on: On, resolve: F) -> Self {
        Self { pending: Some((effect, E::begin(), resolve)), labels: PhantomData, on, unfinished: Outcome::Panicked }
    }

    /// Begins a call of an async function: unfinished, it was cancelled, unless [`observe_panics`] saw it panic.
    #[inline]
    pub fn begin_async(effect: E, on: On, resolve: F) -> Self {
        let mut call = Self::begin(effect, on, resolve);
        call.unfinished = Outcome::Cancelled;
        call
    }

    /// Ends a call that returned.
    #[inline]
    pub fn finish(self, outcome: Outcome, labels: T) {
        let counts = self.on.includes(outcome);
        self.finish_if(counts, outcome, labels);
    }

    /// Ends a call that returned, where a pattern says whether it counts.
    #[inline]
    pub fn finish_if(mut self, counts: bool, outcome: Outcome, labels: T) {
        self.end(counts, outcome, Some(labels));
    }

    #[inline]
    fn end(&mut self, counts: bool, outcome: Outcome, labels: Option<T>) {
        if let Some((effect, began, resolve)) = self.pending.take()
            && counts
        {
            effect.apply(&resolve(labels, outcome), began);
        }
    }
}

impl<M, E: Effect<M>, T, F> Drop for Call<M, E, T, F>
where
    F: FnOnce(Option<T>, Outcome) -> M,
{
    #[inline]
    fn drop(&mut self) {
        let outcome = self.unfinished;
        self.end(self.on.includes(outcome), outcome, None);
    }
}

impl<M, E: Effect<M>, T, F> fmt::Debug for Call<M, E, T, F>
where
    F: FnOnce(Option<T>, Outcome) -> M,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("on", &self.on).field("unfinished", &self.unfinished).finish_non_exhaustive()
    }
}

impl<M, E: Effect<M>, T, F> PanicObserver for Call<M, E, T, F>
where
    F: FnOnce(Option<T>, Outcome) -> M,
{
    #[inline]
    fn panicked(&mut self) {
        self.unfinished = Outcome::Panicked;
    }
}
