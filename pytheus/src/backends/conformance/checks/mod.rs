//! The checks of the suite.

mod gauges;
mod kinds;
mod life;
mod processes;
mod series;

use super::Check;

/// Lists all checks.
pub(super) fn all() -> impl Iterator<Item = Check> {
    let lists = [kinds::CHECKS, processes::CHECKS, gauges::CHECKS, series::CHECKS, life::CHECKS];
    lists.into_iter().flatten().map(|(name, run)| Check { name, run: *run })
}

/// Pairs a name with its check.
type Named = (&'static str, fn(&super::Harness) -> Result<(), super::Fault>);
