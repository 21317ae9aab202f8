//! Declared metrics with labels: which of them are given is part of the type.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Metric;
use super::core::FamilyCore;
use super::declared::Declared;
use super::family::{Family, Partial};
use super::given::{Complete, States};
use super::handle::Target;
use crate::collector::Collector;
use crate::model::descriptor::Descriptor;
use crate::model::error::LabelError;
use crate::model::key::{Key, Labels};
use crate::model::labels::LabelValue;
use crate::storage::{CellSet, Cells, Series, SlotRef};

/// Writes the methods of a metric for its labelled handles. To `update` and to `read`, functions of these names do it
/// for anything that can be counted in, without making a handle; other methods find the series and call its own. To
/// `read` makes no series; an `async` method finds it at the first poll.
macro_rules! forward {
    (
        $metric:ident where $l:tt: $complete:tt { $(fn $name:ident $(<$($t:ident),+>)? ($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)* }
        $(update { $(fn $update:ident ($($uarg:ident: $uty:ty),*);)* })?
        read { $(fn $read:ident() -> $value:ty;)* }
        $(async {
            $(
                fn $aname:ident <$($at:ident $(: $bound:path)?),+> ($work:ident: $wty:ty $(, $aarg:ident: $aty:ty)*)
                    -> $aret:ty = $start:expr, $end:expr;
            )*
        })?
    ) => {
        impl<$l> $crate::metrics::Labelled<$metric, $l> {
            $(
                #[allow(clippy::missing_errors_doc, reason = "that of the user's own work")]
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($name), "`] of the series of these labels.")]
                #[inline]
                pub fn $name $(<$($t),+>)? (&self, $($arg: $ty),*) $(-> $ret)?
                where
                    $l: $complete,
                {
                    self.to_series().$name($($arg),*)
                }
            )*
            $($(
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($update), "`] of the series of these labels.")]
                #[inline]
                pub fn $update(&self, $($uarg: $uty),*)
                where
                    $l: $complete,
                {
                    $update(self, $($uarg),*);
                }
            )*)?
            $(
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($read), "`] of the series of these labels.")]
                pub fn $read(&self) -> $value
                where
                    $l: $complete,
                {
                    $read(self)
                }
            )*
            $($(
                #[allow(clippy::missing_errors_doc, reason = "that of the user's own work")]
                #[doc = concat!("[`", stringify!($metric), "::", stringify!($aname), "`] of the series of these labels.")]
                pub fn $aname <$($at $(: $bound)?),+> (&self, $work: $wty $(, $aarg: $aty)*)
                    -> impl Future<Output = $aret> + use<$l, $($at),+>
                where
                    $l: $complete,
                {
                    let series = self.later();
                    $crate::metrics::watched(move || ($start)(series()), $work, $end)
                }
            )*)?
        }
    };
}

pub(super) use forward;

/// Writes the methods that take a time, for the labelled handles of a metric.
macro_rules! forward_time {
    ($metric:ident where $l:tt: $complete:tt) => {
        impl<$l> $crate::metrics::Labelled<$metric, $l> {
            $crate::clock::needs_clock! {
                #[doc = concat!("[`", stringify!($metric), "::time`] of the series of these labels.")]
                #[inline]
                [pub fn time(&self) -> $crate::metrics::Timer<$metric>] where [$l: $complete] {
                    self.to_series().time()
                }

                #[doc = concat!("[`", stringify!($metric), "::time_call`] of the series of these labels.")]
                #[allow(clippy::missing_errors_doc, reason = "that of the user's own work")]
                #[inline]
                [pub fn time_call<T>(&self, work: impl FnOnce() -> T) -> T] where [$l: $complete] {
                    self.to_series().time_call(work)
                }

                #[doc = concat!("[`", stringify!($metric), "::time_future`] of the series of these labels.")]
                #[allow(clippy::missing_errors_doc, reason = "that of the user's own work")]
                [pub fn time_future<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<$l, F>]
                where [$l: $complete] {
                    let series = self.later();
                    $crate::metrics::watched(move || series().time(), work, |_, result| result)
                }
            }
        }
    };
}

pub(super) use forward_time;

/// A declared metric with labels, some of which may be given.
///
/// What `metric!` writes for such a metric is a type of its own, with one method per label, that dereferences to this.
/// `L` says which labels have a value. Once every required one has (`L: Complete`), it counts like the plain metric.
///
/// To keep a handle in a struct, make it one of a type that can be named: [`to_series`](Self::to_series) gives the plain metric
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
/// let lost = get.status("404").to_series();
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
    #[inline]
    pub const fn new(declared: &'static Declared<M>, labels: L) -> Self {
        Self { declared, labels }
    }

    /// The same metric with other labels.
    #[doc(hidden)]
    #[inline]
    pub fn with<New>(&self, change: impl FnOnce(&L) -> New) -> Labelled<M, New> {
        Labelled { declared: self.declared, labels: change(&self.labels) }
    }

    /// The family, for labels whose names are known at run time.
    #[inline]
    pub fn family(&self) -> &'static Family<M> {
        self.declared.family()
    }

    /// The one series of these labels.
    pub fn to_series(&self) -> M
    where
        L: Complete,
    {
        self.with_key(|family, key| family.series_of(key))
    }

    /// The series of a call without a returned value, whose labels are empty.
    #[doc(hidden)]
    pub fn series_without(&self, labels: &[&str]) -> M
    where
        L: States,
    {
        let specs = self.declared.descriptor().labels.iter();
        let values = specs.zip(self.given()).map(|(spec, given)| {
            let default = || spec.default_value().filter(|_| !labels.contains(&spec.name()));
            given.or_else(|| default().map(Cow::into_owned)).unwrap_or_default()
        });
        self.family().series_of(&values.collect::<Vec<_>>()[..])
    }

    /// Finds the series later, without the handle.
    pub(super) fn later(&self) -> impl FnOnce() -> M + use<M, L>
    where
        L: Complete,
    {
        let (family, values) =
            self.with_key(|family, key| (family, key.values().into_iter().map(str::to_owned).collect::<Vec<_>>()));
        move || family.series_of(&values[..])
    }

    #[inline]
    fn with_key<'a, R>(&'a self, act: impl for<'k> FnOnce(&'static Family<M>, &L::Key<'k>) -> R) -> R
    where
        L: Complete,
    {
        let mut buffers = L::Buffers::default();
        act(self.family(), &self.labels.key(&self.declared.descriptor().labels, &mut buffers))
    }

    /// The way to the series, where all labels have closed sets.
    #[inline]
    fn combination(&self) -> Option<&'static SlotRef>
    where
        L: Complete,
    {
        self.family().combination(self.labels.index(&self.declared.descriptor().labels, 0)?)
    }

    /// Where the place of a combination leads nowhere, or there is none.
    #[cold]
    #[inline(never)]
    fn update_closed(&self, set: CellSet, act: impl Fn(Cells))
    where
        L: Complete,
    {
        self.with_key(|family, key| match self.combination() {
            Some(place) => family.core().update_at(place, key, set, act),
            None => family.core().update(key, set, act),
        });
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
        self.with_key(|family, key| family.core().remove(key))
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
    ///
    /// A scrape sees all of that or none. Updates need not wait for it: of those that are made meanwhile, some go with the
    /// series that are taken out, and others bring theirs back. The memory of the series goes back to the allocator; their
    /// cells stay, for the series to come.
    pub fn clear(&self)
    where
        L: States,
    {
        let given = self.given();
        self.family().core().clear(|values| fits(&given, values.iter().copied()));
    }

    /// The family as something that can be registered.
    pub fn collector(&self) -> Arc<dyn Collector> {
        self.family().collector()
    }

    fn given(&self) -> Vec<Option<String>>
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
        self.family().given(self.given())
    }
}

impl<M: Metric, L: Complete> Target for Labelled<M, L> {
    #[inline]
    fn update(&self, set: CellSet, act: impl Fn(Cells)) {
        if !L::CLOSED {
            return self.with_key(|family, key| family.core().update(key, set, act));
        }
        match self.combination().and_then(|place| place.cells(set)) {
            Some(cells) => act(cells),
            None => self.update_closed(set, act),
        }
    }

    fn peek(&self) -> Option<Series> {
        self.with_key(|family, key| family.core().peek(key))
    }

    #[inline]
    fn core(&self) -> &Arc<FamilyCore> {
        self.family().core()
    }

    #[inline]
    fn descriptor(&self) -> &Descriptor {
        self.declared.descriptor()
    }
}

/// Has a series all the values that were given?
fn fits<'a>(given: &[Option<String>], values: impl Iterator<Item = &'a str>) -> bool {
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
