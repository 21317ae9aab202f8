//! A dependency that only holds metrics and is never named is not linked in, and neither are its metrics.
//!
//! The package depends on `pytheus-tests-linked`; `registry_linked.rs` shows the cure.

use pytheus::registry::{REGISTRY, Registry};

pytheus::metric! {
    /// Of this crate itself.
    static OWN: Counter = "own_total";
}

#[test]
fn a_crate_that_is_never_named_brings_no_metrics() {
    assert_eq!(REGISTRY.sample_value("own_total", &[]), Some(0.0));
    assert_eq!(REGISTRY.sample_value("linked_total", &[]), None);
    OWN.inc();
    assert_eq!(REGISTRY.sample_value("own_total", &[]), Some(1.0));
}
