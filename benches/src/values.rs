//! The same numbers and label values for everyone.

use std::sync::LazyLock;

use crate::peer::Values;

/// The default buckets of the Prometheus libraries: eleven bounds.
pub const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Observations in no order that a branch predictor could learn, with some in every bucket.
pub static OBSERVATIONS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    // Evenly over the logarithm, from 2 ms to 16 s.
    (0..1024).map(|_| 0.002 * (random.below(1 << 20) as f64 / f64::from(1 << 20) * 13.0).exp2()).collect()
});

/// A xorshift generator: the same numbers in each run.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn shuffle<T>(items: &mut [T]) {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for i in (1..items.len()).rev() {
        items.swap(i, random.below(i as u64 + 1) as usize);
    }
}

/// In another order: series lie in memory in the order they were made, which no look-up should profit from.
pub fn shuffled<T: Clone>(items: &[T]) -> Vec<T> {
    let mut items = items.to_vec();
    shuffle(&mut items);
    items
}

/// One text per number, for ever: the values of all runs are the same few megabytes.
fn forever(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

static ROUTES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| (0..100_000).map(|i| forever(format!("/api/v1/items/{i}"))).collect());

static STATUSES: [&str; 10] = ["200", "201", "204", "301", "304", "400", "401", "403", "404", "500"];

static TENANTS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| (0..20).map(|i| forever(format!("tenant-{i}"))).collect());

/// So many pairs of a route and a status, shuffled.
pub fn pairs(count: usize) -> Vec<Values<2>> {
    let statuses = STATUSES.len();
    let mut sets: Vec<_> = (0..count).map(|i| [ROUTES[i / statuses], STATUSES[i % statuses]]).collect();
    shuffle(&mut sets);
    sets
}

/// The names of so many counters.
pub fn single_names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|i| format!("shop_part_{i}_events_total"))
}

/// So many triples of a route, a status and a tenant, shuffled.
pub fn triples(count: usize) -> Vec<Values<3>> {
    let (statuses, tenants) = (STATUSES.len(), TENANTS.len());
    let mut sets: Vec<_> = (0..count)
        .map(|i| [ROUTES[i / (statuses * tenants)], STATUSES[i % statuses], TENANTS[i / statuses % tenants]])
        .collect();
    shuffle(&mut sets);
    sets
}
