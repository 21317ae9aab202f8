//! The native scheme of keys: see [`schema`](crate::backends::redis::schema).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::backends::custom::{Arena, Backend, BackendError, Batch, Removal, Totals};
use crate::backends::redis::client::error::RedisFault;
use crate::backends::redis::config::redis_config::RedisConfig;
use crate::backends::redis::context::Context;
use crate::backends::redis::fork_safe_slot::ForkSafeSlot;
use crate::backends::redis::native::heartbeat::Heartbeat;
use crate::backends::redis::read::scrape::{self, ReadCache};
use crate::backends::redis::recovery::{self, Recovery, Spool};
use crate::backends::redis::write::writer::RedisWriter;
use crate::sync::lock;

pub(crate) struct Native {
    context: Arc<Context>,
    pub(in crate::backends) spool: Option<Spool>,
    pub(crate) state: ForkSafeSlot<NativeState>,
    /// Parts of the last scrape, for reuse.
    read_cache: Mutex<ReadCache>,
    /// The label `pid` of this process.
    process_label: Mutex<Arc<str>>,
}

/// The state of a process that only one call at a time uses.
pub(crate) struct NativeState {
    pub(crate) writer: RedisWriter,
    pub(crate) recovery: Recovery,
    heartbeat: Heartbeat,
}

impl NativeState {
    fn new(config: &RedisConfig, spool: Option<&Spool>) -> Self {
        let writer = RedisWriter::new(config, spool.and_then(recovery::own_writer));
        Self { writer, recovery: Recovery::default(), heartbeat: Heartbeat::default() }
    }
}

impl Native {
    pub(crate) fn new(context: Arc<Context>) -> Result<Self, BackendError> {
        let config = &context.config;
        let spool = config.spool.as_deref().map(Spool::open).transpose()?;
        let state = NativeState::new(config, spool.as_ref());
        let process_label = Mutex::new(state.writer.process_label());
        Ok(Self { context, spool, state: ForkSafeSlot::new(state), read_cache: Mutex::default(), process_label })
    }
}

impl Backend for Native {
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.spool.as_ref()?.arena()
    }

    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        self.state.with(|state| state.writer.apply(&self.context, batch))
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        self.state.with(|state| state.writer.remove(&self.context, removal))
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        totals.set_process_label(Arc::clone(&*lock(&self.process_label)));
        // A concurrent scrape starts with an empty cache.
        let mut cache = std::mem::take(&mut *lock(&self.read_cache));
        scrape::load(&self.context, &mut cache, totals)?;
        *lock(&self.read_cache) = cache;
        Ok(())
    }

    fn heartbeat(&self) -> Option<Duration> {
        let spool = self.spool.as_ref();
        let run = |NativeState { writer, recovery, heartbeat }: &mut NativeState| {
            Ok::<_, RedisFault>(heartbeat.run(&self.context, writer, spool, recovery))
        };
        // A call that is still under way renews the lease itself.
        Some(self.state.with(run).unwrap_or(Duration::from_secs(1)))
    }

    fn close(&self) -> Result<(), BackendError> {
        self.state.with(|NativeState { writer, recovery, .. }| {
            // All batches were sent.
            writer.deregister(&self.context);
            let Some(spool) = &self.spool else { return Ok(()) };
            let own = spool.own();
            // Without its lock, this process counts as crashed: it, or another one, sends what was counted since.
            if spool.close().is_ok()
                && let Some((id, _)) = own
            {
                let time = (self.context.config.lease / 3).min(Duration::from_secs(1));
                recovery.run(&self.context, spool, Some(&id), Instant::now() + time);
            }
            Ok::<_, BackendError>(())
        })
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        *lock(&self.read_cache) = ReadCache::default();
        let begun = self.spool.as_ref().map_or(Ok(()), Spool::forked);
        let state = NativeState::new(&self.context.config, self.spool.as_ref());
        *lock(&self.process_label) = state.writer.process_label();
        self.state.replace(state);
        begun
    }
}
