//! The checks of the suite.

mod gauges;
mod kinds;
mod life;
mod processes;
mod series;

use crate::conformance::wire::Check;

/// Lists all checks.
pub(super) fn all() -> impl Iterator<Item = Check> {
    let lists = [kinds::CHECKS, processes::CHECKS, gauges::CHECKS, series::CHECKS, life::CHECKS];
    lists.into_iter().flatten().copied()
}
