//! What this library is to reach, in one run, against the best peer of each row and against the limit row.

/// The most that a cost may be.
#[derive(Debug)]
pub struct Target {
    pub group: &'static str,
    /// Threads or series.
    pub at: usize,
    /// The best peer, unless one is named.
    pub peer: Option<&'static str>,
    /// Times that peer.
    pub of_peer: Option<f64>,
    /// Times the limit row.
    pub of_limit: Option<f64>,
    /// In the unit of the row.
    pub most: Option<f64>,
}

const NOTHING: Target = Target { group: "", at: 0, peer: None, of_peer: None, of_limit: None, most: None };

const fn ratio(group: &'static str, at: usize, of_peer: f64) -> Target {
    Target { group, at, of_peer: Some(of_peer), of_limit: Some(1.3), ..NOTHING }
}

/// Against Python, whatever it counts with.
const fn thousandth(group: &'static str, peer: &'static str) -> Target {
    Target { group, at: 1, peer: Some(peer), of_peer: Some(0.001), ..NOTHING }
}

/// In files or with a Redis, against one process by itself.
const fn same(group: &'static str, at: usize) -> Target {
    Target { group, at, of_limit: Some(1.1), ..NOTHING }
}

const fn most(group: &'static str, at: usize, most: f64) -> Target {
    Target { group, at, most: Some(most), ..NOTHING }
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
    ratio("scrape_singles", 1, 0.5),
    ratio("openmetrics_counters", 1, 1.0),
    ratio("openmetrics_histograms", 1, 1.0),
    ratio("openmetrics_singles", 1, 0.5),
    ratio("protobuf_counters", 1, 1.0),
    ratio("protobuf_histograms", 1, 1.0),
    ratio("protobuf_singles", 1, 0.5),
    most("memory", 10_000, 100.0),
    most("memory_thread", 10_000, 8.0),
    most("memory_histogram", 1_000, 250.0),
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
    Target { group: "backend_scrape", at: 8, of_peer: Some(0.02), most: Some(20.0), ..NOTHING },
    Target { group: "backend_scrape_histograms", at: 8, of_peer: Some(0.02), ..NOTHING },
    same("redis_inc", 1),
    same("redis_observe", 1),
    same("redis_lookup", 1),
    same("redis_gauge_set", 1),
    most("redis_calls_inc", 999, 10_000.0),
    most("redis_calls_observe", 999, 10_000.0),
    most("redis_calls_lookup", 999, 10_000.0),
    most("redis_calls_gauge_set", 999, 10_000.0),
    thousandth("redis_python_observe", "Python's pytheus"),
    thousandth("redis_python_observe", "pytheus-backend-rs"),
    thousandth("redis_python_delivered", "Python's pytheus"),
    thousandth("redis_python_delivered", "pytheus-backend-rs"),
    most("redis_scrape", 1, 30.0),
    most("redis_scrape", 4, 30.0),
];
