//! Calls of a backend by a scrape. Its code may come back to what calls it.

use crate::backends::api::{Backend, Totals};
use crate::model::error::ScrapeError;
use crate::model::snapshot::FamilySnapshot;
use crate::reentry::{Code, Failure};
use crate::report;

/// Has the backend put in the totals.
///
/// # Errors
///
/// When they can't be had; also when the backend scrapes meanwhile, and so asks itself.
pub(crate) fn load(backend: &dyn Backend, totals: &mut Totals<'_>) -> Result<(), ScrapeError> {
    static LOAD: Code = Code::unbounded();
    match LOAD.run(|| backend.load(totals)) {
        Ok(loaded) => loaded.map_err(ScrapeError::new),
        Err(failure) => Err(ScrapeError::new(format!("the backend did not give them: {failure}"))),
    }
}

/// The backend's families about itself; none when it fails, which is counted.
pub(crate) fn health(backend: &dyn Backend) -> Vec<FamilySnapshot> {
    static HEALTH: Code = Code::unbounded();
    match HEALTH.run(|| backend.health()) {
        Ok(health) => return health,
        // It is being asked, and is reported in the end.
        Err(Failure::Reentered) => {}
        Err(failure) => {
            let message = format!("what the backend has to say about itself is left out of the scrape: {failure}");
            report::backend_failed("health", &message);
        }
    }
    Vec::new()
}
