//! Facts about the program.

use crate::metrics::builder::{Builder, WithoutLabels};
use crate::metrics::family::{collect, record_no_room};
use crate::metrics::handle::{Handle, Updatable};
use crate::metrics::metric::metric;
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
#[derive(Debug, Clone, Copy)]
pub struct Info<T = Handle>(T);

metric!(Info);

impl Info {
    /// Starts to build an info metric at run time.
    #[track_caller]
    pub fn builder(name: impl Into<String>, help: impl Into<String>) -> Builder<'static, Self, WithoutLabels> {
        Builder::new(name.into(), help.into())
    }
}

impl<T> Info<T> {
    /// States the facts, in place of those stated before.
    pub fn set(&self)
    where
        T: Updatable,
    {
        let mut done = Ok(Room::Found);
        self.0.with_handle(|handle| {
            handle.replace_all(|series| {
                done = series.update(CellSet::Shared, &mut |cell| {
                    // The cell is relocated only once the series is in the family.
                    let _ = cell.set_only(0);
                });
            });
        });
        // It was not in the family yet, so it was not removed either.
        let _ = record_no_room(done);
    }

    /// Returns whether these are the facts.
    pub fn is_set(&self) -> bool
    where
        T: Updatable,
    {
        self.0.lookup().is_some_and(|series| collect::flags(&series) & 1 != 0)
    }
}
