//! Declared metrics with labels: which of them are given is part of the type.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::Metric;
use super::declared::Declared;
use super::family::{Family, Partial};
use crate::collector::Collector;
use crate::descriptor::Descriptor;
use crate::error::LabelError;
use crate::labels::{LabelValue, Labels};

/// A required label that has no value yet; `N` names it.
pub struct Unset<N>(PhantomData<fn() -> N>);

/// A label that has its default until a value is given.
#[derive(Debug, Clone, Copy)]
pub struct Defaulted;

/// A label that has a value.
#[derive(Debug, Clone, Copy)]
pub struct Set<V> {
    value: V,
    // Not a bound on `V` where the label is used: a value that can't be one is an error once, where it is given.
    text: for<'a> fn(&'a V) -> Cow<'a, str>,
}

impl<V: LabelValue> Set<V> {
    /// This value.
    pub fn new(value: V) -> Self {
        Self { value, text: V::as_label }
    }
}

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

/// A label, whether it has a value or not.
pub trait State {
    /// The value that was given, if one was.
    fn given(&self) -> Option<Cow<'_, str>>;
}

impl<N> State for Unset<N> {
    fn given(&self) -> Option<Cow<'_, str>> {
        None
    }
}

impl State for Defaulted {
    fn given(&self) -> Option<Cow<'_, str>> {
        None
    }
}

impl<V> State for Set<V> {
    fn given(&self) -> Option<Cow<'_, str>> {
        Some((self.text)(&self.value))
    }
}

/// A label that has a value, its own or the default.
#[diagnostic::on_unimplemented(
    message = "a required label has no value yet: {Self}",
    label = "give this label a value first",
    note = "each label of the metric is a method: `METRIC.method(\"GET\").inc()`"
)]
pub trait LabelState: State {}

#[diagnostic::do_not_recommend]
impl LabelState for Defaulted {}

#[diagnostic::do_not_recommend]
impl<V> LabelState for Set<V> {}

/// A list of labels `(first, (second, ..()))`, in the order of their sorted names.
pub trait States {
    /// Appends the values that were given, `None` for the others.
    fn given<'a>(&'a self, values: &mut Given<'a>);
}

/// The values that were given, in the order of the sorted names.
type Given<'a> = Vec<Option<Cow<'a, str>>>;

impl States for () {
    fn given<'a>(&'a self, _: &mut Given<'a>) {}
}

impl<Head: State, Tail: States> States for (Head, Tail) {
    fn given<'a>(&'a self, values: &mut Given<'a>) {
        values.push(self.0.given());
        self.1.given(values);
    }
}

/// A list of labels that all have a value.
pub trait Complete: States {}

#[diagnostic::do_not_recommend]
impl Complete for () {}

impl<Head: LabelState, Tail: Complete> Complete for (Head, Tail) {}

/// Writes the methods of a metric for its labelled handles: each resolves the series and calls it. To `read` makes no
/// series; an `async` method resolves it at the first poll.
macro_rules! forward {
    (
        $metric:ident { $(fn $name:ident $(<$($t:ident),+>)? ($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)* }
        read { $(fn $read:ident() -> $value:ty;)* }
        $(async {
            $(
                fn $aname:ident <$($at:ident $(: $bound:path)?),+> ($work:ident: $wty:ty $(, $aarg:ident: $aty:ty)*)
                    -> $aret:ty = $start:expr, $end:expr;
            )*
        })?
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
            $(
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($read), "`] of the series of these labels.")]
                pub fn $read(&self) -> $value
                where
                    L: $crate::metrics::Complete,
                {
                    self.peek().$read()
                }
            )*
            $($(
                #[allow(clippy::missing_errors_doc, reason = "that of the user's own work")]
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($aname), "`] of the series of these labels.")]
                pub fn $aname <$($at $(: $bound)?),+> (&self, $work: $wty $(, $aarg: $aty)*)
                    -> impl Future<Output = $aret> + use<L, $($at),+>
                where
                    L: $crate::metrics::Complete,
                {
                    let series = self.later();
                    $crate::metrics::watched(move || ($start)(series()), $work, $end)
                }
            )*)?
        }
    };
}

pub(super) use forward;

/// A declared metric with labels, some of which may be given.
///
/// What `metric!` writes for such a metric is a type of its own, with one method per label, that dereferences to this.
/// `L` says which labels have a value. Once every required one has (`L: Complete`), it counts like the plain metric.
///
/// To keep a handle in a struct, make it one of a type that can be named: [`child`](Self::child) gives the plain metric
/// of a finished one, [`to_partial`](Self::to_partial) a [`Partial`] of one that is not.
///
/// ```
/// pytheus::metric! {
///     /// Hits of a page.
///     static PAGE_HITS: Counter = "labelled_hits_total" { labels: { method, status = "200" } };
/// }
///
/// PAGE_HITS.method("GET").inc();
/// let get = PAGE_HITS.method("GET");
/// get.status("404").inc_by(2.0);
/// let lost = get.status("404").child();
/// assert_eq!(lost.get(), 2.0);
/// ```
#[must_use = "labels alone count nothing: call a method of the metric"]
pub struct Labelled<M: Metric, L> {
    declared: &'static Declared<M>,
    labels: L,
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
        self.family().child(&self.values())
    }

    /// The series of these labels as it is; one that does not exist is not made.
    pub(super) fn peek(&self) -> M
    where
        L: Complete,
    {
        self.family().peek(&self.values())
    }

    /// Finds the series later, without the handle.
    pub(super) fn later(&self) -> impl FnOnce() -> M + use<M, L>
    where
        L: Complete,
    {
        let family = self.family();
        let values: Vec<_> = self.values().into_iter().map(Cow::into_owned).collect();
        move || family.child(&values)
    }

    /// What the metric is.
    pub fn descriptor(&self) -> &'static Descriptor {
        self.family().descriptor()
    }

    /// The series, once the rest of the labels is given by names that are known at run time; a label that is given
    /// again takes the new value.
    ///
    /// # Errors
    ///
    /// When a label is missing, unknown, given twice or not in its closed set; the error names them all.
    pub fn labels<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<M, LabelError>
    where
        L: States,
    {
        self.to_partial().labels(labels)
    }

    /// More of the labels, by name, to be kept and finished later.
    ///
    /// # Errors
    ///
    /// When a label is unknown, given twice or not in its closed set.
    pub fn partial<N: AsRef<str>, V: LabelValue>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Partial<M>, LabelError>
    where
        L: States,
    {
        self.to_partial().partial(labels)
    }

    /// Takes out the series of these labels; false when there is none.
    ///
    /// An update through a handle that still refers to it brings it back, from zero.
    pub fn remove(&self) -> bool
    where
        L: Complete,
    {
        self.family().core().remove(&self.values())
    }

    /// Takes out the series that `keep` refuses, among those with the labels that are given.
    ///
    /// ```
    /// # pytheus::metric! {
    /// #     /// Hits of a page.
    /// #     static PAGE_HITS: Counter = "retained_hits_total" { labels: { method, path } };
    /// # }
    /// # PAGE_HITS.method("GET").path("/old/1").inc();
    /// // Everything below /old, of whatever method:
    /// PAGE_HITS.retain(|labels| !labels.get("path").is_some_and(|path| path.starts_with("/old/")));
    /// # pytheus::assert_metric!("retained_hits_total" { method = "GET", path = "/old/1" } += 0, {});
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(Labels<'_>) -> bool)
    where
        L: States,
    {
        let given = self.given();
        self.family().retain(|labels| !fits(&given, labels.iter().map(|(_, value)| value)) || keep(labels));
    }

    /// Takes out all series with the labels that are given. Those that are there from the start begin again at zero.
    pub fn clear(&self)
    where
        L: States,
    {
        let given = self.given();
        self.family().core().clear(|values| fits(&given, values.iter()));
    }

    /// The family as something that can be registered.
    pub fn collector(&self) -> Arc<dyn Collector> {
        self.family().collector()
    }

    fn given(&self) -> Given<'_>
    where
        L: States,
    {
        let mut given = Vec::new();
        self.labels.given(&mut given);
        given
    }

    /// The labels that are given as a value of a type that can be named, to be kept in a struct and finished by name.
    ///
    /// ```
    /// use pytheus::metrics::{Counter, Partial};
    ///
    /// pytheus::metric! {
    ///     /// Rows read.
    ///     static ROWS: Counter = "rows_read_total" { labels: { table, shard } };
    /// }
    ///
    /// struct Table {
    ///     rows: Partial<Counter>,
    /// }
    ///
    /// let users = Table { rows: ROWS.table("users").to_partial() };
    /// users.rows.labels([("shard", 3)])?.inc();
    /// # Ok::<(), pytheus::error::LabelError>(())
    /// ```
    pub fn to_partial(&self) -> Partial<M>
    where
        L: States,
    {
        self.family().given(self.given().into_iter().map(|value| value.map(Cow::into_owned)).collect())
    }

    /// The values, defaults included.
    fn values(&self) -> Vec<Cow<'_, str>>
    where
        L: Complete,
    {
        let specs = &self.declared.descriptor().labels;
        let values = self.given().into_iter().zip(&**specs);
        values.map(|(given, spec)| given.or_else(|| spec.default_value()).unwrap_or_default()).collect()
    }
}

/// Has a series all the values that were given?
fn fits<'a>(given: &Given<'_>, values: impl Iterator<Item = &'a str>) -> bool {
    given.iter().zip(values).all(|(given, value)| given.as_ref().is_none_or(|given| given == value))
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
