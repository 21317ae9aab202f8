//! Naming a dependency links it in, and its metrics show before anything touches them.

use pytheus::registry::{REGISTRY, Registry};
// The cure: without this line the crate is left out, see `registry_unlinked.rs`.
use pytheus_tests_linked as _;

#[test]
fn a_crate_that_is_named_brings_its_metrics() {
    assert_eq!(REGISTRY.sample_value("linked_total", &[]), Some(0.0));
}
