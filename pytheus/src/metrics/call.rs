//! What an attribute does around a call whose end decides what is counted.
//!
//! Attributes that need not know how a call ends write a plain guard, or a plain `inc`, in place of this.

use std::fmt;
use std::marker::PhantomData;

use super::guard::Timed;
use super::outcome::Outcome;
use super::watched::Watch;
use super::{Complete, Counter, Gauge, Labelled};
use crate::clock::{self, Moment, needs_clock};

/// Which outcomes count: a set of them.
#[derive(Debug, Clone, Copy)]
pub struct On(u8);

impl On {
    /// None; what counts is said at the end, by a pattern.
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

/// What is done when a call counts: to a metric, or to the series of labels, which is found in passing.
pub trait Effect<M> {
    /// What it has to know of the time that the call began: reading a clock is the larger part of a call's cost.
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

impl Effect<Counter> for Count {
    type Began = ();

    #[inline]
    fn begin() {}

    #[inline]
    fn apply(self, counter: &Counter, (): ()) {
        counter.inc();
    }
}

impl<L: Complete> Effect<Labelled<Counter, L>> for Count {
    type Began = ();

    #[inline]
    fn begin() {}

    #[inline]
    fn apply(self, counter: &Labelled<Counter, L>, (): ()) {
        counter.inc();
    }
}

needs_clock! {
    [impl<M: Timed> Effect<M> for Observe] {
        type Began = Moment;

        #[inline]
        fn begin() -> Moment {
            Moment::now()
        }

        #[inline]
        fn apply(self, metric: &M, began: Moment) {
            metric.took(clock::seconds_since(began));
        }
    }

    [impl Effect<Gauge> for SetTimestamp] {
        type Began = ();

        #[inline]
        fn begin() {}

        #[inline]
        fn apply(self, gauge: &Gauge, (): ()) {
            gauge.set_to_current_time();
        }
    }

    [impl<L: Complete> Effect<Labelled<Gauge, L>> for SetTimestamp] {
        type Began = ();

        #[inline]
        fn begin() {}

        #[inline]
        fn apply(self, gauge: &Labelled<Gauge, L>, (): ()) {
            gauge.set_to_current_time();
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
    todo: Option<(E, E::Began, F)>,
    labels: PhantomData<fn(T)>,
    on: On,
    /// What it means when the call is dropped before it is finished.
    unfinished: Outcome,
}

impl<M, E: Effect<M>, T, F> Call<M, E, T, F>
where
    F: FnOnce(Option<T>, Outcome) -> M,
{
    /// A call of a plain function: unfinished, it panicked.
    #[inline]
    pub fn begin(effect: E, on: On, resolve: F) -> Self {
        Self { todo: Some((effect, E::begin(), resolve)), labels: PhantomData, on, unfinished: Outcome::Panicked }
    }

    /// A call of an async function: unfinished, it was cancelled, unless [`watch`](super::watch) saw it panic.
    #[inline]
    pub fn begin_async(effect: E, on: On, resolve: F) -> Self {
        let mut call = Self::begin(effect, on, resolve);
        call.unfinished = Outcome::Cancelled;
        call
    }

    /// The call returned.
    #[inline]
    pub fn finish(self, outcome: Outcome, labels: T) {
        let counts = self.on.includes(outcome);
        self.finish_if(counts, outcome, labels);
    }

    /// The call returned, and a pattern says whether it counts.
    #[inline]
    pub fn finish_if(mut self, counts: bool, outcome: Outcome, labels: T) {
        self.end(counts, outcome, Some(labels));
    }

    #[inline]
    fn end(&mut self, counts: bool, outcome: Outcome, labels: Option<T>) {
        if let Some((effect, began, resolve)) = self.todo.take()
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

impl<M, E: Effect<M>, T, F> Watch for Call<M, E, T, F>
where
    F: FnOnce(Option<T>, Outcome) -> M,
{
    #[inline]
    fn panicked(&mut self) {
        self.unfinished = Outcome::Panicked;
    }
}
