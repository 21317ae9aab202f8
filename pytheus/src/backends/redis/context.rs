//! What all that talk to the server have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use redis::{Script, Value};

use crate::backends::redis::client::connection::Pool;
use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::client::health::Stats;
use crate::backends::redis::config::Settings;
use crate::backends::redis::write::numbered_batch::Reply;

/// The script that applies an batch.
pub(crate) const CODE: &str = include_str!("write/apply.lua");

/// One for each process.
pub(crate) struct Common {
    pub(crate) settings: Arc<Settings>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) pool: Pool,
    pub(crate) script: Script,
    /// The server's clock, when it was heard of last, in ms since 1970.
    clock: AtomicU64,
}

impl Common {
    pub(crate) fn new(settings: Settings) -> Self {
        let (settings, stats) = (Arc::new(settings), Arc::new(Stats::default()));
        let pool = Pool::new(Arc::clone(&settings), Arc::clone(&stats));
        Self { settings, stats, pool, script: Script::new(CODE), clock: AtomicU64::new(0) }
    }

    /// Who has died before this need not be asked after.
    pub(crate) fn long_ago(&self) -> u64 {
        self.clock.load(Relaxed).saturating_sub(60_000)
    }

    /// The end of a life that is forgotten in an hour: see the script.
    pub(crate) fn forgotten_in_an_hour(&self) -> u64 {
        self.clock.load(Relaxed).saturating_sub(23 * 3_600_000)
    }

    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no spool"))]
    pub(crate) fn shards(&self) -> usize {
        usize::try_from(self.settings.shards).unwrap_or(1)
    }

    /// The namespace is laid out in another way.
    pub(crate) fn other_layout(&self, layout: &str) -> RedisFault {
        let (namespace, own) = (&self.settings.namespace, layout_of(&self.settings));
        let what = format!(
            "the namespace `{namespace}` is laid out as {layout}, where this program has {own} (version/shards)"
        );
        self.pool.fault(Sort::Layout, what)
    }

    /// A key of the namespace is of another type.
    pub(crate) fn other_type(&self, key: &str, found: &str) -> RedisFault {
        self.pool.fault(Sort::Keys, format!("the key `{key}` is a {found}, which is not of pytheus"))
    }

    /// A field of a key holds something that nothing can be added to.
    pub(crate) fn no_number(&self, key: &str, field: &str, found: &str) -> RedisFault {
        let found: String = found.chars().take(60).collect();
        match field {
            "" => self.pool.fault(Sort::Keys, format!("the key `{key}` has `{found}`, which is no number")),
            _ => self.unreadable(key, field, &format!("has `{found}`, which is no number")),
        }
    }

    /// A field of a key can't be read: it would be missing in a scrape.
    pub(crate) fn unreadable(&self, key: &str, field: &str, why: &str) -> RedisFault {
        self.pool.fault(Sort::Fields, format!("the field `{field}` of the key `{key}` {why}"))
    }

    /// No script of ours has answered that.
    pub(crate) fn nonsense(&self) -> RedisFault {
        self.pool.fault(Sort::Protocol, "it gives no answer that a script of pytheus would give")
    }

    /// What the script has answered.
    pub(crate) fn reply(&self, answer: Value) -> Result<Reply, RedisFault> {
        let (reply, clock) = Reply::parse(answer).ok_or_else(|| self.nonsense())?;
        self.clock.store(clock, Relaxed);
        Ok(reply)
    }

    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.timeout
    }
}

/// How a namespace is laid out.
pub(crate) fn layout_of(settings: &Settings) -> String {
    format!("2/{}", settings.shards)
}
