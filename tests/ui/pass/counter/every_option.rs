//! Every option of a declaration.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use std::sync::LazyLock;

use pytheus::registry::CollectorRegistry;
use pytheus::{LabelValue, counter};

#[derive(LabelValue, Clone, Copy)]
enum Method {
    Get,
}

static OWN: CollectorRegistry = CollectorRegistry::new();
static LAZY: LazyLock<CollectorRegistry> = LazyLock::new(CollectorRegistry::new);
const NAMESPACE: &str = "shop";

#[counter(
    name = "sent_bytes_total",
    help = "Bytes sent.",
    namespace = NAMESPACE,
    unit = "bytes",
    labels(method: Method, r#type = "page", fallback: Method = Method::Get, flag = true),
    limit = 10,
    zero_series = false,
    registry = OWN,
    on = start,
)]
fn sent(method: Method) -> Method {
    method
}

/// Nowhere.
#[counter(name = "nowhere_total", registry = none)]
fn nowhere() {}

/// Lazily.
#[counter(name = "lazy_total", registry = LAZY)]
fn lazy() {}

fn main() {
    let _ = sent(Method::Get);
    nowhere();
    lazy();
}
