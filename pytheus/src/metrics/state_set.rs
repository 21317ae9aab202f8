//! One sample per state.

use std::fmt;
use std::marker::PhantomData;

use crate::diagnostics::{self, Dropped};
use crate::metrics::builder::{Builder, WithoutLabels};
use crate::metrics::family::collect;
use crate::metrics::handle::{Handle, Target, Updatable, retry_relocated};
use crate::metrics::metric::metric;
use crate::model::labels::LabelValue;
use crate::storage::{CellSet, Cells};

/// One sample per state, 1 for an enabled one: the phase of a job, the active features.
///
/// The states are an enum that derives [`LabelValue`], or strings given to the builder; at most 64. Their label has the name
/// of the metric.
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
pub struct StateSet<S: LabelValue + 'static = &'static str, T = Handle>(T, PhantomData<fn(S)>);

metric!(StateSet<S>, PhantomData);

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

impl<S: LabelValue + 'static, L> Builder<'_, StateSet<S>, L> {
    /// Names the states.
    pub fn states(mut self, states: impl IntoIterator<Item = &'static str>) -> Self {
        self.spec.states = states.into_iter().collect();
        self
    }
}

#[allow(clippy::needless_pass_by_value, reason = "a state is small, and reads better by value")]
impl<S: LabelValue + 'static, T> StateSet<S, T> {
    /// Enables this state and disables all others, in one step.
    ///
    /// Here and below, an unknown state is refused and counted in `pytheus_dropped_updates_total`.
    pub fn set(&self, state: S)
    where
        T: Updatable,
    {
        self.update(&state, Cells::set_only);
    }

    /// Enables this state, beside the others.
    pub fn enable(&self, state: S)
    where
        T: Updatable,
    {
        self.update(&state, Cells::set_flag);
    }

    /// Disables this state.
    pub fn disable(&self, state: S)
    where
        T: Updatable,
    {
        self.update(&state, Cells::clear_flag);
    }

    /// Returns whether this state is enabled.
    pub fn is_enabled(&self, state: S) -> bool
    where
        T: Updatable,
    {
        let is_set = |index| self.0.lookup().is_some_and(|series| collect::flags(&series) >> index & 1 != 0);
        self.index(&state).is_some_and(is_set)
    }

    fn update(&self, state: &S, act: impl Fn(Cells, u32) -> bool)
    where
        T: Updatable,
    {
        match self.index(state) {
            Some(index) => retry_relocated(|done| self.0.update(CellSet::Shared, |cell| done.set(act(cell, index)))),
            None => diagnostics::dropped(Dropped::UnknownState),
        }
    }

    fn index(&self, state: &S) -> Option<u32>
    where
        T: Target,
    {
        let text = state.as_label();
        let index = self.0.declared_descriptor().states().iter().position(|known| *known == text)?;
        u32::try_from(index).ok()
    }
}

impl<S: LabelValue + 'static, T: Clone> Clone for StateSet<S, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<S: LabelValue + 'static, T: Copy> Copy for StateSet<S, T> {}

impl<S: LabelValue + 'static, T: fmt::Debug> fmt::Debug for StateSet<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateSet").field(&self.0).finish()
    }
}
