//! The checks.

mod gauges;
mod kinds;
mod life;
mod processes;
mod series;

use super::Check;

/// All checks.
pub(super) fn all() -> impl Iterator<Item = Check> {
    let lists = [kinds::CHECKS, processes::CHECKS, gauges::CHECKS, series::CHECKS, life::CHECKS];
    lists.into_iter().flatten().map(|(name, run)| Check { name, run: *run })
}

/// A name and what it is the name of.
type Named = (&'static str, fn(&super::Bench) -> Result<(), super::Fault>);
