//! Facts about the program.

use super::builder::{Builder, WithoutLabels};
use super::child::Handle;
use super::declared::Declared;
use super::{Metric, sealed};
use crate::descriptor::{Descriptor, Kind};
use crate::labels::LabelValues;
use crate::number::Number;
use crate::snapshot::FamilySnapshot;
use crate::storage::FlagCell;

/// Facts about the program, as labels of a sample that is 1: its version, its commit.
///
/// Nothing shows until [`set`](Self::set) is called. The name must end in `_info`.
///
/// ```
/// use pytheus::registry::{REGISTRY, Registry};
///
/// pytheus::metric! {
///     /// What is running.
///     static BUILD: Info = "build_info" { labels: { commit, version } };
/// }
///
/// BUILD.commit("c0ffee").version("1.2.3").set();
/// let labels = [("commit", "c0ffee"), ("version", "1.2.3")];
/// assert_eq!(REGISTRY.sample_value("build_info", &labels), Some(1.0));
/// ```
#[derive(Debug, Clone)]
pub struct Info(Handle<Self>);

impl Info {
    /// Starts to build an info metric at run time.
    #[allow(clippy::new_ret_no_self, reason = "as in pytheus: the name and help come first, `build` last")]
    #[track_caller]
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }

    /// The info metric of a declaration.
    #[doc(hidden)]
    pub const fn declared(declared: &'static Declared<Self>) -> Self {
        Self(declared.own())
    }

    /// States the facts, in place of those stated before.
    pub fn set(&self) {
        self.0.core().replace_all(self.0.values(), |cell| cell.raise(0));
    }

    /// Are these the facts?
    pub fn is_set(&self) -> bool {
        self.0.read(|cell| cell.is_raised(0))
    }
}

super::series!(Info.0);

impl Metric for Info {
    const KIND: Kind = Kind::Info;
}

impl sealed::Parts for Info {
    type Cells = FlagCell;

    fn cells(_: &Descriptor) -> FlagCell {
        FlagCell::new(1)
    }

    fn samples(_: &Descriptor, labels: &LabelValues, parts: &[Number], out: &mut FamilySnapshot) {
        if parts == [Number::Int(1)] {
            out.push_values(labels.iter(), 1_u64);
        }
    }

    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

super::labelled::forward! {
    Info {
        fn set();
    }
    read {
        fn is_set() -> bool;
    }
}
