//! A scrape: `scrape` reads the families and hashes of all processes, `series` adds their fields up.

pub(super) mod scrape;
pub(super) mod series;
