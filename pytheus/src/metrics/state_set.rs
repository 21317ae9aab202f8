//! One sample per state.

use std::fmt;
use std::marker::PhantomData;

use super::builder::{Builder, WithoutLabels};
use super::declared::Declared;
use super::given::Complete;
use super::handle::{Handle, Target};
use super::labelled::Labelled;
use super::{Metric, reading, retry_relocated, sealed};
use crate::diagnostics::{self, Dropped};
use crate::model::descriptor::Kind;
use crate::model::labels::LabelValue;
use crate::storage::{CellSet, Cells};

/// One sample per state, 1 for those that hold: the phase of a job, the features that are on.
///
/// The states are an enum that derives [`LabelValue`], or strings given to the builder; at most 64. They stand under
/// a label that is named like the metric.
///
/// ```
/// use pytheus::LabelValue;
/// use pytheus::registry::{REGISTRY, Registry};
///
/// #[derive(LabelValue)]
/// enum Phase {
///     Starting,
///     Running,
/// }
///
/// pytheus::metric! {
///     /// What the job does.
///     static PHASE: StateSet<Phase> = "job_phase";
/// }
///
/// PHASE.set(Phase::Running);
/// assert_eq!(REGISTRY.sample_value("job_phase", &[("job_phase", "running")]), Some(1.0));
/// assert_eq!(REGISTRY.sample_value("job_phase", &[("job_phase", "starting")]), Some(0.0));
/// ```
pub struct StateSet<S: LabelValue + 'static = &'static str> {
    handle: Handle<Self>,
    states: PhantomData<fn(S)>,
}

impl StateSet<&'static str> {
    /// Starts to build a state set at run time; [`Builder::states`] names the states.
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }

    /// Starts to build a state set at run time, whose states are the values of `S`.
    #[track_caller]
    pub fn builder_of<S: LabelValue + 'static>(
        name: impl Into<String>,
        help: impl Into<String>,
    ) -> Builder<'static, StateSet<S>, WithoutLabels> {
        Builder::new(name.into(), help.into()).states(S::VALUES.unwrap_or_default().iter().copied())
    }
}

impl<S: LabelValue + 'static> StateSet<S> {
    /// The state set of a declaration.
    #[doc(hidden)]
    pub const fn declared(declared: &'static Declared<Self>) -> Self {
        Self { handle: declared.own(), states: PhantomData }
    }

    /// Makes this the only state that holds, in one step.
    ///
    /// Here and below, a state that the set does not have is refused and counted in `pytheus_dropped_updates_total`.
    #[allow(clippy::needless_pass_by_value, reason = "a state is small, and reads better by value")]
    pub fn set(&self, state: S) {
        update(&self.handle, &state, Cells::set_only);
    }

    /// Makes this state hold, whatever the others do.
    #[allow(clippy::needless_pass_by_value, reason = "as `set`")]
    pub fn enable(&self, state: S) {
        update(&self.handle, &state, Cells::set_flag);
    }

    /// Makes this state not hold, whatever the others do.
    #[allow(clippy::needless_pass_by_value, reason = "as `set`")]
    pub fn disable(&self, state: S) {
        update(&self.handle, &state, Cells::clear_flag);
    }

    /// Does this state hold?
    #[allow(clippy::needless_pass_by_value, reason = "as `set`")]
    pub fn is_enabled(&self, state: S) -> bool {
        is_enabled(&self.handle, &state)
    }
}

fn update<S: LabelValue>(states: &impl Target, state: &S, act: impl Fn(Cells, u32) -> bool) {
    match place(states, state) {
        Some(place) => retry_relocated(|done| states.update(CellSet::Shared, |cell| done.set(act(cell, place)))),
        None => diagnostics::dropped(Dropped::UnknownState),
    }
}

fn is_enabled<S: LabelValue>(states: &impl Target, state: &S) -> bool {
    let holds = |place| states.peek().is_some_and(|series| reading::flags(&series) >> place & 1 != 0);
    place(states, state).is_some_and(holds)
}

fn place<S: LabelValue>(states: &impl Target, state: &S) -> Option<u32> {
    let text = state.as_label();
    let place = states.descriptor().states().iter().position(|known| *known == text)?;
    u32::try_from(place).ok()
}

super::series!(StateSet<S>.handle);

impl<S: LabelValue + 'static> Metric for StateSet<S> {
    const KIND: Kind = Kind::StateSet;
}

impl<S: LabelValue + 'static> sealed::Series for StateSet<S> {
    fn from_handle(handle: Handle<Self>) -> Self {
        Self { handle, states: PhantomData }
    }
}

impl<S: LabelValue + 'static> Clone for StateSet<S> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), states: PhantomData }
    }
}

impl<S: LabelValue + 'static> fmt::Debug for StateSet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateSet").field(&self.handle).finish()
    }
}

/// As [`StateSet`], once every required label is given.
impl<S: LabelValue + 'static, L> Labelled<StateSet<S>, L> {
    /// [`StateSet::set`] of the series of these labels.
    #[allow(clippy::needless_pass_by_value, reason = "as that")]
    pub fn set(&self, state: S)
    where
        L: Complete,
    {
        update(self, &state, Cells::set_only);
    }

    /// [`StateSet::enable`] of the series of these labels.
    #[allow(clippy::needless_pass_by_value, reason = "as that")]
    pub fn enable(&self, state: S)
    where
        L: Complete,
    {
        update(self, &state, Cells::set_flag);
    }

    /// [`StateSet::disable`] of the series of these labels.
    #[allow(clippy::needless_pass_by_value, reason = "as that")]
    pub fn disable(&self, state: S)
    where
        L: Complete,
    {
        update(self, &state, Cells::clear_flag);
    }

    /// [`StateSet::is_enabled`] of the series of these labels.
    #[allow(clippy::needless_pass_by_value, reason = "as that")]
    pub fn is_enabled(&self, state: S) -> bool
    where
        L: Complete,
    {
        is_enabled(self, &state)
    }
}
