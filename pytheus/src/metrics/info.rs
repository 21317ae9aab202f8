//! Facts about the program.

use super::builder::{Builder, WithoutLabels};
use super::declared::Declared;
use super::handle::{Handle, Target, noted};
use super::{Complete, Metric, reading, sealed};
use crate::model::descriptor::Kind;
use crate::storage::{CellSet, Room};

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
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }

    /// The info metric of a declaration.
    #[doc(hidden)]
    pub const fn declared(declared: &'static Declared<Self>) -> Self {
        Self(declared.own())
    }

    /// States the facts, in place of those stated before.
    pub fn set(&self) {
        let mut done = Ok(Room::Found);
        self.0.replace_all(|series| {
            done = series.update(CellSet::Shared, &mut |cell| {
                // Nobody lets it go elsewhere before it is in the family.
                let _ = cell.set_only(0);
            });
        });
        // It was not in the family yet, so it was not removed either.
        let _ = noted(done);
    }

    /// Are these the facts?
    pub fn is_set(&self) -> bool {
        is_set(&self.0)
    }
}

super::series!(Info.0);

impl Metric for Info {
    const KIND: Kind = Kind::Info;
}

impl sealed::Series for Info {
    fn from_handle(handle: Handle<Self>) -> Self {
        Self(handle)
    }
}

/// See [`Info::is_set`].
fn is_set(info: &impl Target) -> bool {
    info.peek().is_some_and(|series| reading::flags(&series) & 1 != 0)
}

super::labelled::forward! {
    Info where L: Complete {
        fn set();
    }
    read {
        fn is_set() -> bool;
    }
}
