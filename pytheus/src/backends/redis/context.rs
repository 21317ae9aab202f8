//! State shared by all requests of a process: configuration, connections, health, the server's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use redis::Cmd;

use crate::backends::redis::client::connection::{Pool, ServerScript, Session, SessionError};
use crate::backends::redis::client::error::{FaultKind, RedisFault};
use crate::backends::redis::client::health::RedisHealth;
use crate::backends::redis::client::protocol::command;
use crate::backends::redis::config::redis_config::RedisConfig;
use crate::backends::redis::schema::PartitionKeys;

/// The context of all requests. There is one per process.
pub(crate) struct Context {
    pub(crate) config: Arc<RedisConfig>,
    pub(crate) health: Arc<RedisHealth>,
    pub(crate) pool: Pool,
    pub(crate) apply_script: ServerScript,
    /// The server's clock at its last reply, in ms since 1970.
    clock: AtomicU64,
}

impl Context {
    pub(crate) fn new(config: RedisConfig) -> Self {
        let (config, health) = (Arc::new(config), Arc::new(RedisHealth::default()));
        let pool = Pool::new(Arc::clone(&config), Arc::clone(&health));
        let apply_script = ServerScript::new(include_str!("write/apply.lua"));
        Self { config, health, pool, apply_script, clock: AtomicU64::new(0) }
    }

    /// Returns the liveness score below which a writer counts as ended: a minute ago.
    pub(crate) fn liveness_cutoff(&self) -> u64 {
        self.clock.load(Relaxed).saturating_sub(60_000)
    }

    /// Returns the command that lists the living writers of a partition.
    pub(crate) fn living_writers(&self, keys: &PartitionKeys) -> Cmd {
        command("ZRANGEBYSCORE", &[&*keys.alive, &self.liveness_cutoff().to_string(), "+inf"])
    }

    /// Returns the liveness score of a deregistered writer: 23 hours old, so that the script forgets it in an hour.
    pub(crate) fn deregistered_score(&self) -> u64 {
        self.clock.load(Relaxed).saturating_sub(23 * 3_600_000)
    }

    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.config.timeout
    }

    /// Reports a namespace with another schema, or another number of partitions.
    pub(crate) fn schema_mismatch(&self, found: &str) -> RedisFault {
        let (namespace, own) = (&self.config.namespace, self.config.schema_version());
        let what = format!(
            "the namespace `{namespace}` has the schema {found}, where this program has {own} (version/partitions)"
        );
        self.pool.fault(FaultKind::Schema, what)
    }

    /// Reports a key of another type.
    pub(crate) fn wrong_type(&self, key: &str, found: &str) -> RedisFault {
        self.pool.fault(FaultKind::WrongType, format!("the key `{key}` is a {found}, which is not of pytheus"))
    }

    /// Reports a field, or the whole key for a field without a name, with a text in place of a number.
    pub(crate) fn not_a_number(&self, key: &str, field: &str, found: &str) -> RedisFault {
        let found: String = found.chars().take(60).collect();
        match field {
            "" => self.pool.fault(FaultKind::WrongType, format!("the key `{key}` has `{found}`, which is no number")),
            _ => self.unreadable_field(key, field, &format!("has `{found}`, which is no number")),
        }
    }

    /// Reports a field that can't be read: without it, a total would be too small.
    pub(crate) fn unreadable_field(&self, key: &str, field: &str, why: &str) -> RedisFault {
        self.pool.fault(FaultKind::BadField, format!("the field `{field}` of the key `{key}` {why}"))
    }

    /// Reports a reply that no script of this crate gives.
    pub(crate) fn unexpected_reply(&self) -> RedisFault {
        self.pool.fault(FaultKind::Protocol, "it gives no reply that a script of pytheus would give")
    }

    pub(crate) fn set_clock(&self, server_ms: u64) {
        self.clock.store(server_ms, Relaxed);
    }

    /// Runs requests on a connection to the server of a partition.
    pub(crate) fn on_partition<T>(
        &self,
        partition: usize,
        run: impl FnMut(&mut Session<'_>) -> Result<T, SessionError>,
    ) -> Result<T, RedisFault> {
        self.pool.with_connection(&[partition], self.deadline(), run)
    }
}
