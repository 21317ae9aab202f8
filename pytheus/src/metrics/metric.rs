//! The trait of the metric types, and the methods that all of them have.

use crate::metrics::handle::Handle;
use crate::model::descriptor::Kind;

/// One of the metric types of this crate.
///
/// It can't be implemented elsewhere: the backends and the encoders know each kind.
pub trait Metric: sealed::FromHandle + Clone + Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
}

pub(crate) mod sealed {
    use super::Handle;

    pub trait FromHandle {
        fn from_handle(handle: Handle) -> Self;
    }
}

/// Implements [`Metric`] for a type, and its methods that are the same for every kind. `$states` fills the second field of a
/// state set.
macro_rules! metric {
    ($metric:ident $(<$s:ident>, $states:expr)?) => {
        impl $(<$s: LabelValue + 'static>)? $crate::metrics::Metric for $metric $(<$s>)? {
            const KIND: $crate::model::descriptor::Kind = $crate::model::descriptor::Kind::$metric;
        }

        impl $(<$s: LabelValue + 'static>)? $crate::metrics::metric::sealed::FromHandle for $metric $(<$s>)? {
            fn from_handle(handle: $crate::metrics::Handle) -> Self {
                Self(handle $(, $states)?)
            }
        }

        impl $(<$s: LabelValue + 'static>)? $metric $(<$s>)? {
            /// Refers to the unlabelled series of a declaration.
            #[doc(hidden)]
            pub const fn declared(declared: &'static $crate::metrics::Declared) -> Self {
                Self($crate::metrics::Handle::declared(declared) $(, $states)?)
            }
        }

        impl<$($s: LabelValue + 'static,)? T> $metric<$($s,)? T> {
            /// Returns the plain metric of this series, a type to keep in a struct.
            #[must_use]
            pub fn to_series(&self) -> $metric $(<$s>)?
            where
                T: $crate::metrics::Updatable,
            {
                $crate::metrics::metric::sealed::FromHandle::from_handle(self.0.with_handle(Clone::clone))
            }

            /// Removes the series from its family; false when there is none. An update through a handle that still refers to
            /// it brings it back, from zero.
            pub fn remove(&self) -> bool
            where
                T: $crate::metrics::Updatable,
            {
                self.0.remove()
            }

            /// Returns the description of the metric.
            pub fn descriptor(&self) -> &$crate::model::descriptor::Descriptor
            where
                T: $crate::metrics::Target,
            {
                self.0.core().descriptor()
            }

            /// Returns the family as a collector, to be registered.
            pub fn collector(&self) -> std::sync::Arc<dyn $crate::collector::Collector>
            where
                T: $crate::metrics::Target,
            {
                std::sync::Arc::clone(self.0.core()) as std::sync::Arc<dyn $crate::collector::Collector>
            }
        }

        /// Methods of a declared metric with labels.
        impl<$($s: LabelValue + 'static,)? L> $metric<$($s,)? $crate::metrics::Labelled<L>> {
            /// Refers to a declaration with these labels.
            #[doc(hidden)]
            #[inline]
            pub const fn labelled(declared: &'static $crate::metrics::Declared, labels: L) -> Self {
                Self($crate::metrics::Labelled::new(declared, labels) $(, $states)?)
            }

            /// Changes the labels.
            #[doc(hidden)]
            #[inline]
            pub fn with<New>(&self, change: impl FnOnce(&L) -> New) -> $metric<$($s,)? $crate::metrics::Labelled<New>> {
                $metric(self.0.with(change) $(, $states)?)
            }

            /// Finds the series of a call without a returned value, whose labels are empty.
            #[doc(hidden)]
            pub fn series_without(&self, labels: &[&str]) -> $metric $(<$s>)?
            where
                L: $crate::metrics::LabelList,
            {
                $crate::metrics::metric::sealed::FromHandle::from_handle(self.0.handle_without(labels))
            }

            /// Returns the family, for labels whose names are known at run time.
            pub fn family(&self) -> $crate::metrics::Family<$metric $(<$s>)?> {
                $crate::metrics::Family::of(self.0.family().clone())
            }

            /// Finds the series by the rest of the labels, whose names are known at run time. A label that has a value
            /// already takes the new one.
            ///
            /// # Errors
            ///
            /// When a label is missing, unknown, given twice or not in its closed set; the error names them all.
            pub fn labels<N: AsRef<str>, V: $crate::LabelValue>(
                &self,
                labels: impl IntoIterator<Item = (N, V)>,
            ) -> Result<$metric $(<$s>)?, $crate::model::error::LabelError>
            where
                L: $crate::metrics::LabelList,
            {
                self.to_partial().labels(labels)
            }

            /// Adds labels by name, to be kept and finished later.
            ///
            /// # Errors
            ///
            /// When a label is unknown, given twice or not in its closed set.
            pub fn partial<N: AsRef<str>, V: $crate::LabelValue>(
                &self,
                labels: impl IntoIterator<Item = (N, V)>,
            ) -> Result<$crate::metrics::Partial<$metric $(<$s>)?>, $crate::model::error::LabelError>
            where
                L: $crate::metrics::LabelList,
            {
                self.to_partial().partial(labels)
            }

            /// Returns the labels given so far as a [`Partial`](crate::metrics::Partial), a type to keep in a struct.
            pub fn to_partial(&self) -> $crate::metrics::Partial<$metric $(<$s>)?>
            where
                L: $crate::metrics::LabelList,
            {
                $crate::metrics::Partial::of(self.0.family().clone(), self.0.given())
            }

            /// Removes the series that `keep` refuses, of those that have the labels given so far.
            pub fn retain(&self, keep: impl FnMut($crate::Labels<'_>) -> bool)
            where
                L: $crate::metrics::LabelList,
            {
                self.0.retain(keep);
            }

            /// Removes all series that have the labels given so far, as [`Family::clear`](crate::metrics::Family::clear).
            pub fn clear(&self)
            where
                L: $crate::metrics::LabelList,
            {
                self.0.clear();
            }
        }
    };
}

pub(crate) use metric;
