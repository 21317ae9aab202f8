//! Declared metrics with labels: which of them are given is part of the type.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Metric;
use super::core::Key;
use super::declared::Declared;
use super::family::{Family, Partial};
use crate::collector::Collector;
use crate::error::LabelError;
use crate::labels::{LabelSpec, LabelValue, Labels};

/// A required label that has no value yet; `N` names it.
pub struct Unset<N>(PhantomData<fn() -> N>);

/// A label that has its default until a value is given.
#[derive(Debug, Clone, Copy)]
pub struct Defaulted;

/// A label that has a value.
#[derive(Debug, Clone, Copy)]
pub struct Set<V>(pub V);

impl<N> Unset<N> {
    /// No value yet.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<N> Default for Unset<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N> Clone for Unset<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Unset<N> {}

impl<N> fmt::Debug for Unset<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unset")
    }
}

/// A label that has a value, its own or the default.
#[diagnostic::on_unimplemented(
    message = "a required label has no value yet: {Self}",
    label = "give this label a value first",
    note = "each label of the metric is a method: `METRIC.method(\"GET\").inc()`"
)]
pub trait LabelState {
    /// The value, given what was declared.
    fn text<'a>(&'a self, spec: &'a LabelSpec) -> Cow<'a, str>;
}

impl<V: LabelValue> LabelState for Set<V> {
    fn text<'a>(&'a self, _: &'a LabelSpec) -> Cow<'a, str> {
        self.0.as_label()
    }
}

impl LabelState for Defaulted {
    fn text<'a>(&'a self, spec: &'a LabelSpec) -> Cow<'a, str> {
        spec.default_value().unwrap_or_default()
    }
}

/// A list of labels `(first, (second, ..()))`, in the order of their sorted names, that all have a value.
pub trait Complete {
    /// Shows each value.
    fn visit(&self, specs: &[LabelSpec], see: &mut dyn FnMut(&str));
}

impl Complete for () {
    fn visit(&self, _: &[LabelSpec], _: &mut dyn FnMut(&str)) {}
}

impl<Head: LabelState, Tail: Complete> Complete for (Head, Tail) {
    fn visit(&self, specs: &[LabelSpec], see: &mut dyn FnMut(&str)) {
        if let Some((spec, rest)) = specs.split_first() {
            see(&self.0.text(spec));
            self.1.visit(rest, see);
        }
    }
}

/// Writes the methods of a metric for its labelled handles: each resolves the series and calls it.
macro_rules! forward {
    (
        $metric:ident { $(fn $name:ident $(<$($t:ident),+>)? ($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)* }
        $(async { $(fn $aname:ident $(<$($at:ident),+>)? ($($aarg:ident: $aty:ty),*) -> $aret:ty;)* })?
    ) => {
        impl<L> $crate::metrics::Labelled<$metric, L> {
            $(
                #[allow(clippy::missing_errors_doc, reason = "that of the user's own work")]
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($name), "`] of the series of these labels.")]
                #[inline]
                pub fn $name $(<$($t),+>)? (&self, $($arg: $ty),*) $(-> $ret)?
                where
                    L: $crate::metrics::Complete,
                {
                    self.child().$name($($arg),*)
                }
            )*
            $($(
                #[allow(clippy::missing_errors_doc, reason = "that of the user's own work")]
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($aname), "`] of the series of these labels.")]
                pub async fn $aname $(<$($at),+>)? (&self, $($aarg: $aty),*) -> $aret
                where
                    L: $crate::metrics::Complete,
                {
                    self.child().$aname($($aarg),*).await
                }
            )*)?
        }
    };
}

pub(super) use forward;

/// A declared metric with labels, some of which may be given.
///
/// What `metric!` writes for such a metric is a type of its own, with one method per label, that dereferences to this.
/// Once every required label is given it counts like the plain metric; [`child`](Self::child) makes one of it.
///
/// ```
/// pytheus::metric! {
///     /// Hits of a page.
///     static PAGE_HITS: Counter = "page_hits_total" { labels: { method, status = "200" } };
/// }
///
/// PAGE_HITS.method("GET").inc();
/// let get = PAGE_HITS.method("GET");
/// get.status("404").inc_by(2.0);
/// let lost = get.status("404").child();
/// assert_eq!(lost.get(), 2.0);
/// ```
pub struct Labelled<M: Metric, L> {
    declared: &'static Declared<M>,
    labels: L,
}

/// A typed handle as a key.
struct Given<'a, L> {
    specs: &'a [LabelSpec],
    labels: &'a L,
}

impl<L: Complete> Key for Given<'_, L> {
    fn visit(&self, see: &mut dyn FnMut(&str)) {
        self.labels.visit(self.specs, see);
    }
}

impl<M: Metric, L> Labelled<M, L> {
    /// The labels of a declared metric.
    #[doc(hidden)]
    pub const fn new(declared: &'static Declared<M>, labels: L) -> Self {
        Self { declared, labels }
    }

    /// The same metric with other labels.
    #[doc(hidden)]
    pub fn with<New>(&self, change: impl FnOnce(&L) -> New) -> Labelled<M, New> {
        Labelled { declared: self.declared, labels: change(&self.labels) }
    }

    /// The family, for labels whose names are known at run time.
    pub fn family(&self) -> &'static Family<M> {
        self.declared.family()
    }

    /// The one series of these labels.
    pub fn child(&self) -> M
    where
        L: Complete,
    {
        self.declared.family().child(&self.key())
    }

    /// The series of labels whose names are known at run time, whatever is given already.
    ///
    /// # Errors
    ///
    /// When a label is missing, unknown or given twice; the error names them all.
    pub fn labels<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<M, LabelError> {
        self.family().labels(labels)
    }

    /// Some labels by name, to be kept and finished later.
    ///
    /// # Errors
    ///
    /// When a label is unknown or given twice.
    pub fn partial<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Partial<M>, LabelError> {
        self.family().partial(labels)
    }

    /// Takes out the series of these labels; false when there is none.
    ///
    /// An update through a handle that still refers to it brings it back, from zero.
    pub fn remove(&self) -> bool
    where
        L: Complete,
    {
        self.family().core().remove(&self.key())
    }

    /// Takes out the series that `keep` refuses.
    pub fn retain(&self, keep: impl FnMut(Labels<'_>) -> bool) {
        self.family().retain(keep);
    }

    /// Takes out all series of the metric. Those of closed sets begin again at zero.
    pub fn clear(&self) {
        self.family().clear();
    }

    /// The family as something that can be registered.
    pub fn collector(&self) -> Arc<dyn Collector> {
        self.family().collector()
    }

    fn key(&self) -> Given<'_, L> {
        Given { specs: &self.declared.descriptor().labels, labels: &self.labels }
    }
}

#[allow(clippy::expl_impl_clone_on_copy, reason = "a derive would ask for `M: Copy`")]
impl<M: Metric, L: Clone> Clone for Labelled<M, L> {
    fn clone(&self) -> Self {
        Self { declared: self.declared, labels: self.labels.clone() }
    }
}

impl<M: Metric, L: Copy> Copy for Labelled<M, L> {}

impl<M: Metric, L> fmt::Debug for Labelled<M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Labelled").field(&self.declared.descriptor().name()).finish_non_exhaustive()
    }
}
