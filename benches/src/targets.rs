//! What this library is to reach, in one run, against the best peer of each row and against the limit row.

/// The most that a cost may be.
#[derive(Debug)]
pub struct Target {
    pub group: &'static str,
    /// Threads or series.
    pub at: usize,
    /// Times the best peer.
    pub of_peer: Option<f64>,
    /// Times the limit row.
    pub of_limit: Option<f64>,
    /// In the unit of the row.
    pub most: Option<f64>,
}

const fn ratio(group: &'static str, at: usize, of_peer: f64) -> Target {
    Target { group, at, of_peer: Some(of_peer), of_limit: Some(1.3), most: None }
}

/// In files, against one process by itself.
const fn same(group: &'static str, at: usize) -> Target {
    Target { group, at, of_peer: None, of_limit: Some(1.1), most: None }
}

const fn bytes(group: &'static str, at: usize, most: f64) -> Target {
    Target { group, at, of_peer: None, of_limit: None, most: Some(most) }
}

pub const TARGETS: &[Target] = &[
    ratio("inc", 1, 0.5),
    ratio("inc", 2, 0.4),
    ratio("inc_by", 1, 0.9),
    ratio("inc_by", 2, 0.9),
    ratio("observe", 1, 0.7),
    ratio("observe", 2, 0.25),
    ratio("lookup_20", 1, 1.1),
    ratio("lookup_20", 2, 0.4),
    ratio("lookup_20000", 1, 0.95),
    ratio("lookup_20000", 2, 0.95),
    ratio("guard", 1, 0.6),
    ratio("timing", 1, 0.6),
    ratio("attribute", 1, 0.25),
    ratio("attribute_async", 1, 0.25),
    ratio("scrape_counters", 1, 0.3),
    ratio("scrape_histograms", 1, 0.25),
    bytes("memory", 10_000, 100.0),
    bytes("memory_thread", 10_000, 8.0),
    bytes("memory_histogram", 1_000, 250.0),
    same("backend_inc", 1),
    same("backend_inc", 2),
    same("backend_inc_by", 1),
    same("backend_observe", 1),
    same("backend_observe", 2),
    same("backend_guard", 1),
    same("backend_gauge_inc", 1),
    same("backend_gauge_set", 1),
    same("backend_lookup", 1),
    same("backend_lookup", 2),
    Target { group: "backend_scrape", at: 8, of_peer: Some(0.02), of_limit: None, most: Some(20.0) },
    Target { group: "backend_scrape_histograms", at: 8, of_peer: Some(0.02), of_limit: None, most: None },
];
