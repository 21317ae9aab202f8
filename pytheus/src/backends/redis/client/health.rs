//! The health of the connection between this process and Redis, as metrics.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::backends::redis::client::error::FaultKind;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::snapshot::FamilySnapshot;
use crate::sync::lock;

#[derive(Default)]
pub(crate) struct RedisHealth(Mutex<HealthCounters>);

#[derive(Default)]
pub(crate) struct HealthCounters {
    /// By kind of fault.
    errors: BTreeMap<&'static str, u64>,
    pub(crate) round_trips: u64,
    pub(crate) last_round_trip: Duration,
    batches: u64,
    /// Probes in which the server had lost data.
    pub(crate) data_losses: u64,
    /// Batches that can't be resent.
    pub(crate) missed: u64,
    /// Crashed processes whose counts this process has sent.
    pub(crate) recovered: u64,
    /// Since when a batch waits to be acknowledged.
    pending_since: Option<Instant>,
    /// The longest wait since the last scrape.
    longest_wait: Duration,
}

impl RedisHealth {
    pub(crate) fn update(&self, update: impl FnOnce(&mut HealthCounters)) {
        update(&mut lock(&self.0));
    }

    pub(crate) fn count_error(&self, kind: FaultKind) {
        self.update(|counters| *counters.errors.entry(kind.name()).or_default() += 1);
    }

    /// Notes when a batch is about to be sent.
    pub(crate) fn send_started(&self) {
        self.update(|counters| {
            counters.pending_since.get_or_insert_with(Instant::now);
        });
    }

    /// Counts a batch once all of it is acknowledged.
    pub(crate) fn send_finished(&self) {
        self.update(|counters| {
            counters.batches += 1;
            let waited = counters.pending_since.take().map_or(Duration::ZERO, |since| since.elapsed());
            counters.longest_wait = counters.longest_wait.max(waited);
        });
    }

    /// Returns the metrics of a scrape.
    pub(crate) fn families(&self) -> Vec<FamilySnapshot> {
        let mut counters = lock(&self.0);
        let waited = std::mem::take(&mut counters.longest_wait);
        let waited = counters.pending_since.map_or(waited, |since| waited.max(since.elapsed()));
        let plain = [
            (
                Kind::Counter,
                "pytheus_redis_batches_total",
                "Batches that Redis has acknowledged.",
                counters.batches as f64,
            ),
            (
                Kind::Counter,
                "pytheus_redis_losses_total",
                "Times that Redis had lost acknowledged data.",
                counters.data_losses as f64,
            ),
            (
                Kind::Counter,
                "pytheus_redis_missed_batches_total",
                "Batches that Redis has lost, or may have lost, and that could not be resent.",
                counters.missed as f64,
            ),
            (Kind::Counter, "pytheus_redis_round_trips_total", "Replies of Redis.", counters.round_trips as f64),
            (
                Kind::Gauge,
                "pytheus_redis_round_trip_seconds",
                "Time that Redis took for its last reply.",
                counters.last_round_trip.as_secs_f64(),
            ),
            (
                Kind::Gauge,
                "pytheus_redis_unflushed_seconds",
                "Longest time that counts of this process have waited for Redis since the scrape before.",
                waited.as_secs_f64(),
            ),
            (
                Kind::Counter,
                "pytheus_redis_taken_over_total",
                "Killed processes whose counts this process has recovered: see `spool_directory`.",
                counters.recovered as f64,
            ),
        ];
        let errors = counters.errors.clone();
        drop(counters);
        let errors = {
            let help = "Requests to Redis that failed; all but those of scrapes are repeated.";
            let descriptor = Descriptor::new(Kind::Counter, "pytheus_redis_errors_total", help);
            descriptor.and_then(|new| new.with_labels(["kind"])).ok().map(|descriptor| {
                let mut family = FamilySnapshot::new(&descriptor);
                for (kind, times) in &errors {
                    family.push(&[("kind", kind)], *times);
                }
                family
            })
        };
        let plain = plain.into_iter().filter_map(|(kind, name, help, value)| {
            let mut family = FamilySnapshot::new(&Descriptor::new(kind, name, help).ok()?);
            family.push(&[], value);
            Some(family)
        });
        errors.into_iter().chain(plain).collect()
    }
}
