//! The default of a label may be the work of code that is counted itself, or that fails.

use pytheus::registry::{REGISTRY, Registry};
use pytheus::{counter, metric};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: { region = region() } };
    /// Its default can't be had.
    static BROKEN: Counter = "broken_total" { labels: { host = host() } };
}

/// Look-ups of the region.
#[counter(name = "region_lookups_total")]
fn region() -> String {
    "eu".to_owned()
}

/// Requests.
#[counter(name = "requests_total", labels(region = "us"))]
fn from_america() {}

fn host() -> String {
    std::env::var("A_VARIABLE_THAT_NOBODY_SETS").expect("on purpose")
}

#[test]
fn a_default_may_count_and_may_fail() {
    // The first use of any declared metric gives all of them their families.
    assert_eq!(REGISTRY.sample_value("requests_total", &[("region", "us")]), Some(0.0));
    assert_eq!(REGISTRY.sample_value("requests_total", &[("region", "eu")]), Some(0.0));
    from_america();
    REQUESTS.inc();
    assert_eq!(REGISTRY.sample_value("requests_total", &[("region", "us")]), Some(1.0));
    assert_eq!(REGISTRY.sample_value("requests_total", &[("region", "eu")]), Some(1.0));
    assert!(REGISTRY.sample_value("region_lookups_total", &[]).is_some_and(|lookups| lookups > 0.0));

    BROKEN.inc();
    assert_eq!(REGISTRY.sample_value("broken_total", &[]), Some(1.0), "it counts without the label");
}
