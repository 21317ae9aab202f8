//! Support for generated code. Not part of the public interface: it may change in any release.
#![allow(missing_docs, reason = "for generated code only")]

pub use std::borrow::Cow;
pub use std::boxed::Box;

pub use inventory;
pub use pytheus_macros::metric;

#[cfg(feature = "backend-config")]
pub use crate::backends::custom::BackendClass;
#[cfg(all(unix, feature = "conformance", feature = "file"))]
pub use crate::backends::file::fuzz_read;
pub use crate::metrics;
pub use crate::metrics::{
    AllSet, Call, Count, Declared, Defaulted, EnumValue, HasOutcome, LabelSet, LabelSlot, Labelled, Lend, NoValue,
    NotMissing, Observe, On, Outcome, OwnValue, OwnedLabel, Probe, ProbeAny, ProbeOutcome, Set, SetLabels,
    SetTimestamp, SmallText, Store, StoreAs, Timed, Unset, closed_sets, exponential_buckets, instrument, label_specs,
    linear_buckets, observe_panics,
};
pub use crate::model::descriptor::{DEFAULT_BUCKETS, Declare, Descriptor, GaugeMode, Kind, Location};
pub use crate::model::labels::{DefaultValue, LabelSpec, LabelValue, Typed, typed};
pub use crate::model::name;
pub use crate::registry::{Registration, Scope};

use crate::clock::needs_clock;

/// Registers a declaration before `main`.
#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    ($declared:expr) => {
        $crate::__private::inventory::submit! { $crate::__private::Registration::new(&$declared) }
    };
}
pub use crate::__submit as submit;

/// Calls the body of a function, as `FnOnce`: it may return borrows of its arguments.
#[inline]
pub fn call<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// The return type of a function: its `WHAT` is [`AFuture`] or [`AValue`], without a bound on the type.
#[derive(Debug)]
pub struct Returns<T>(std::marker::PhantomData<T>);

#[derive(Debug)]
pub struct AFuture;

#[derive(Debug)]
pub struct AValue;

impl<F: Future> Returns<F> {
    pub const WHAT: AFuture = AFuture;
}

/// Gives `WHAT` to every type: an inherent constant comes before that of a trait.
pub trait NoFuture {
    const WHAT: AValue = AValue;
}

impl<T> NoFuture for Returns<T> {}

/// A return type whose call ends when the function returns.
#[diagnostic::on_unimplemented(
    message = "the end of this future would be missed: its type doesn't say that it is one",
    label = "this type is a future",
    note = "for an alias of `Pin<Box<dyn Future<..>>>`, add `future = boxed` to the attribute: a call lasts until the \
            future ends",
    note = "for any other, add `future = untracked`: a call ends when the future is made; or return `impl Future<..>`, or \
            make the function async"
)]
pub trait CountedWhenReturned {}

impl CountedWhenReturned for AValue {}

/// Compiles for a type that is no future.
#[inline]
pub fn is_no_future<W: CountedWhenReturned>(_: W) {}

/// Owns the value of a typed label. Takes a reference, so that nothing is moved.
#[inline]
pub fn own_typed_label<const CLOSED: bool, V>(typed: &Typed<V>, value: &V) -> <StoreAs<CLOSED> as Store>::Stored
where
    StoreAs<CLOSED>: Store,
{
    StoreAs::<CLOSED>::store(typed, value)
}

/// Owns the value of any other label.
#[inline]
pub fn own_label<V: LabelValue + ?Sized>(value: &V) -> Set<SmallText> {
    Set::new(SmallText::of(value))
}

/// Borrows the value of a label.
#[inline]
pub fn borrow_label<V: LabelValue + ?Sized>(value: &V) -> Set<&V> {
    Set::new(value)
}

/// Returns the labels of the returned value: empty for a call without one.
#[inline]
pub fn texts<const N: usize>(labels: Option<[SmallText; N]>) -> [SmallText; N] {
    labels.unwrap_or([const { SmallText::EMPTY }; N])
}

/// Makes the outcome of a call the value of a label.
#[inline]
pub fn outcome(outcome: Outcome) -> EnumValue {
    StoreAs::<true>::store(&const { typed::<Outcome>() }, &outcome)
}

needs_clock! {
    /// Measures a time; finds the series only at its end.
    #[inline]
    [pub fn time<T: Timed>(target: T) -> metrics::Timer<T>] {
        metrics::Timer::start(target)
    }
}

/// Returns the length of a name joined from parts.
pub const fn join_len(parts: &[&str]) -> usize {
    let mut len = 0;
    let mut i = 0;
    while i < parts.len() {
        len += parts[i].len();
        i += 1;
    }
    len
}

/// Joins the bytes of the parts.
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    let mut i = 0;
    while i < parts.len() {
        let part = parts[i].as_bytes();
        let mut j = 0;
        while j < part.len() {
            bytes[at] = part[j];
            at += 1;
            j += 1;
        }
        i += 1;
    }
    bytes
}

/// Returns the text made by [`join`].
pub const fn joined(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("names that are joined are text"),
    }
}

/// Panics with the cure unless a check holds: at compile time, under the span of the user's code.
///
/// Tracking the caller keeps this file out of the error: it shows the user's line alone.
#[track_caller]
pub const fn check(verdict: name::Verdict) {
    if let Err(why) = verdict {
        panic!("{}", why);
    }
}
