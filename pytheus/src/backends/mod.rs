//! Where totals live. Cells count in this process; a backend turns what they hold into what a scrape shows.
//!
//! A backend sees keys and numbers: a descriptor, label values, numbered parts. It never sees a metric type.

mod single;

pub(crate) use single::SingleProcessBackend;

use crate::descriptor::Descriptor;
use crate::error::ScrapeError;
use crate::labels::LabelValues;
use crate::number::Number;

/// The numbers of one family.
#[derive(Debug)]
pub struct FamilyTotals<'a> {
    pub(crate) descriptor: &'a Descriptor,
    /// Sorted by label values.
    pub(crate) series: Vec<SeriesTotals>,
}

/// The numbers of one series, in the order of its parts.
#[derive(Debug)]
pub(crate) struct SeriesTotals {
    pub(crate) labels: LabelValues,
    pub(crate) parts: Vec<Number>,
}

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
