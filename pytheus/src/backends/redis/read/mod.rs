//! Scrapes: `scrape` reads declarations and hashes, `series` turns their fields into series.

pub(super) mod scrape;
pub(super) mod series;
