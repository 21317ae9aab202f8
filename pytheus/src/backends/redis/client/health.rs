//! How it goes between this process and the server.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::backends::redis::client::error::Sort;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::snapshot::FamilySnapshot;
use crate::sync::lock;

#[derive(Default)]
pub(crate) struct Stats(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    /// By the name of what was wrong.
    errors: BTreeMap<&'static str, u64>,
    round_trips: u64,
    last_round_trip: Duration,
    batches: u64,
    losses: u64,
    missed: u64,
    taken_over: u64,
    /// Since when something waits that could not be sent.
    waits_since: Option<Instant>,
    /// The longest that anything has waited since the last scrape.
    waited: Duration,
}

impl Stats {
    pub(crate) fn failed(&self, sort: Sort) {
        *lock(&self.0).errors.entry(sort.name()).or_default() += 1;
    }

    pub(crate) fn answered(&self, after: Duration) {
        let mut counts = lock(&self.0);
        counts.round_trips += 1;
        counts.last_round_trip = after;
    }

    /// Something is to be sent.
    pub(crate) fn begun(&self) {
        let mut counts = lock(&self.0);
        counts.waits_since.get_or_insert_with(Instant::now);
    }

    /// All was sent.
    pub(crate) fn sent(&self) {
        let mut counts = lock(&self.0);
        counts.batches += 1;
        let waited = counts.waits_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        counts.waited = counts.waited.max(waited);
    }

    /// The server has lost what it had said that it has.
    pub(crate) fn lost(&self) {
        lock(&self.0).losses += 1;
    }

    /// So many batches can't be told again.
    pub(crate) fn missed(&self, batches: u64) {
        lock(&self.0).missed += batches;
    }

    /// What another process had left when it was killed was told.
    #[cfg(unix)]
    pub(crate) fn taken_over(&self) {
        lock(&self.0).taken_over += 1;
    }

    /// As families, for a scrape.
    pub(crate) fn families(&self) -> Vec<FamilySnapshot> {
        let mut counts = lock(&self.0);
        let errors: Vec<_> = counts.errors.iter().map(|(sort, times)| (*sort, *times)).collect();
        let waited = std::mem::take(&mut counts.waited);
        let waits = counts.waits_since.map_or(waited, |since| waited.max(since.elapsed()));
        let (trips, trip, batches) = (counts.round_trips, counts.last_round_trip, counts.batches);
        let (losses, missed, taken_over) = (counts.losses, counts.missed, counts.taken_over);
        drop(counts);
        let one = |kind, name: &'static str, help: &'static str, value: f64| {
            let mut family = FamilySnapshot::new(&Descriptor::new(kind, name, help).ok()?);
            family.push(&[], value);
            Some(family)
        };
        let by_kind = || {
            let descriptor = Descriptor::new(
                Kind::Counter,
                "pytheus_redis_errors_total",
                "Requests to Redis that failed, all of which are repeated but those of scrapes.",
            );
            let mut family = FamilySnapshot::new(&descriptor.and_then(|new| new.with_labels(["kind"])).ok()?);
            for (sort, times) in errors {
                family.push(&[("kind", sort)], times);
            }
            Some(family)
        };
        let all = [
            one(Kind::Counter, "pytheus_redis_batches_total", "Batches that Redis has taken.", batches as f64),
            by_kind(),
            one(
                Kind::Counter,
                "pytheus_redis_losses_total",
                "How often Redis had lost what it had said that it has.",
                losses as f64,
            ),
            one(
                Kind::Counter,
                "pytheus_redis_missed_batches_total",
                "Batches that Redis has lost, or may not have, and that could not be told again.",
                missed as f64,
            ),
            one(Kind::Counter, "pytheus_redis_round_trips_total", "Answers of Redis.", trips as f64),
            one(
                Kind::Gauge,
                "pytheus_redis_round_trip_seconds",
                "Time that Redis took for its last answer.",
                trip.as_secs_f64(),
            ),
            one(
                Kind::Gauge,
                "pytheus_redis_unflushed_seconds",
                "The longest that numbers of this process have waited for Redis since the scrape before.",
                waits.as_secs_f64(),
            ),
            one(
                Kind::Counter,
                "pytheus_redis_taken_over_total",
                "Processes that were killed, and whose counts this one has told: see `spool_directory`.",
                taken_over as f64,
            ),
        ];
        all.into_iter().flatten().collect()
    }
}
