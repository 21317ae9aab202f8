//! Where totals live. Cells count in this process; a backend turns what they hold into what a scrape shows.
//!
//! A backend sees keys and numbers: a descriptor, label values, numbered parts. It never sees a metric type.

mod single;
mod totals;

pub(crate) use single::SingleProcessBackend;
#[allow(unreachable_pub, reason = "in the signature of a hidden method")]
pub use totals::FamilyTotals;

use crate::error::ScrapeError;

/// Turns the numbers of this process into totals.
pub(crate) trait Backend: Send + Sync {
    /// Completes the families with what lives elsewhere, all in one go.
    ///
    /// # Errors
    ///
    /// When the totals can't be had: never a part of them.
    fn load(&self, families: &mut [FamilyTotals<'_>]) -> Result<(), ScrapeError>;
}

/// The backend in use.
pub(crate) fn current() -> &'static dyn Backend {
    &SingleProcessBackend
}
