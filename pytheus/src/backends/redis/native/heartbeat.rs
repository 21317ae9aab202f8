//! Periodic maintenance: renews the [lease](https://en.wikipedia.org/wiki/Lease_(computer_science)) of this process, probes for
//! data losses, extends the time to live of all keys, and recovers crashed processes.
//!
//! The shipping thread calls it between batches. A round goes through all partitions, in slices of at most 50 ms.

use std::time::{Duration, Instant};

use redis::FromRedisValue as _;

use crate::backends::redis::client::error::RedisFault;
use crate::backends::redis::client::protocol::command;
use crate::backends::redis::context::Context;
use crate::backends::redis::recovery::{Recovery, Spool};
use crate::backends::redis::schema::{self, PartitionKeys};
use crate::backends::redis::write::writer::{self, RedisWriter};
use crate::report::{self, Level};

/// The time of one slice.
const SLICE: Duration = Duration::from_millis(50);

/// The least time between two reports of a fault.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// The round under way, and the last one.
#[derive(Default)]
pub(crate) struct Heartbeat {
    next_partition: usize,
    /// The first fault of the round.
    fault: Option<RedisFault>,
    /// When the round has to end, once it has come to the recovery of processes.
    recovery_deadline: Option<Instant>,
    extended_at: Option<Instant>,
    reported_at: Option<Instant>,
}

impl Heartbeat {
    /// Runs a slice, and returns the time until the next one.
    pub(crate) fn run(
        &mut self,
        context: &Context,
        writer: &mut RedisWriter,
        spool: Option<&Spool>,
        recovery: &mut Recovery,
    ) -> Duration {
        let deadline = Instant::now() + SLICE;
        let extend_every = (context.config.retention / 4).min(Duration::from_secs(30));
        let extends = self.extended_at.is_none_or(|at| at.elapsed() >= extend_every);
        while self.next_partition < writer.partitions.len() {
            let partition = self.next_partition;
            self.next_partition += 1;
            let outcome = maintain(context, writer, partition, extends);
            if writer::is_server_down(context, &outcome) {
                self.next_partition = writer.partitions.len();
            }
            self.fault = self.fault.take().or(outcome.err());
            if Instant::now() >= deadline && self.next_partition < writer.partitions.len() {
                return Duration::ZERO;
            }
        }
        let interval = (context.config.lease / 3).min(extend_every).min(Duration::from_secs(3));
        match &self.fault {
            // A process that has closed its own file leaves recovery to others.
            None => {
                if let Some(spool) = spool.filter(|spool| spool.own().is_some()) {
                    let round = || Instant::now() + context.config.lease / 3;
                    let end = *self.recovery_deadline.get_or_insert_with(round);
                    if recovery.run(context, spool, None, deadline) && Instant::now() < end {
                        return Duration::ZERO;
                    }
                }
                if extends {
                    self.extended_at = Some(Instant::now());
                }
            }
            // The shipping thread reports faults of batches.
            Some(fault) if fault.is_permanent() && !writer.has_pending() => {
                if self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
                    self.reported_at = Some(Instant::now());
                    let what = format!("keys in Redis may expire while this process lives: {fault}");
                    report::emit(Level::Error, &what);
                }
            }
            Some(_) => {}
        }
        (self.next_partition, self.fault, self.recovery_deadline) = (0, None, None);
        interval
    }
}

/// Maintains one partition. Each task runs whether or not the others fail, unless the server is down.
fn maintain(context: &Context, writer: &mut RedisWriter, partition: usize, extends: bool) -> Result<(), RedisFault> {
    let mut outcome = writer.renew_lease(context, partition);
    if writer::is_server_down(context, &outcome) {
        return outcome;
    }
    let probed = writer.probe(context, partition);
    outcome = outcome.and(probed).and_then(|()| writer.send_partition(context, partition));
    if extends { outcome.and(extend_ttls(context, partition)) } else { outcome }
}

/// Extends the time to live of the families of a partition, whichever process has written them.
pub(crate) fn extend_ttls(context: &Context, partition: usize) -> Result<(), RedisFault> {
    let keys = PartitionKeys::new(&context.config.namespace, partition);
    let retention = context.config.retention.as_secs().max(1).to_string();
    context.on_partition(partition, |session| {
        let families = session.request(command("HKEYS", &[&keys.families]))?;
        let families: Vec<String> = Vec::from_redis_value(families)?;
        let extend = |family: &String| command("EXPIRE", &[&keys.family(family), &retention]);
        let commands: Vec<_> = families.iter().filter(|field| !field.starts_with(schema::BEGUN)).map(extend).collect();
        commands.chunks(1_000).try_for_each(|some| session.pipeline(some).map(drop))
    })
}
