//! The backend: one scheme of keys, and the context of its requests.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::backends::custom::{
    AggregationScope, Arena, Backend, BackendError, Batch, Config, Configure, Removal, Totals,
};
use crate::backends::redis::client::connection::Session;
use crate::backends::redis::client::error::{FaultKind, RedisFault};
use crate::backends::redis::config::redis_config::{Layout, RedisConfig};
use crate::backends::redis::context::Context;
use crate::backends::redis::native::scheme::Native;
#[cfg(feature = "redis-python")]
use crate::backends::redis::python::Python;
use crate::model::snapshot::FamilySnapshot;

/// How long to wait before another attempt to reach a server at the start.
const RETRY_DELAY: Duration = Duration::from_millis(50);

#[doc = include_str!("reference.md")]
#[derive(Clone)]
pub struct MultiProcessRedisBackend(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) context: Arc<Context>,
    pub(crate) scheme: KeyScheme,
    /// This process has closed the backend, and sends nothing more.
    is_closed: AtomicBool,
}

/// The scheme of the keys in Redis: each is a backend, but for what does not depend on the keys.
pub(crate) enum KeyScheme {
    Native(Native),
    #[cfg(feature = "redis-python")]
    Python(Python),
}

impl Deref for KeyScheme {
    type Target = dyn Backend;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Native(native) => native,
            #[cfg(feature = "redis-python")]
            Self::Python(python) => python,
        }
    }
}

impl Inner {
    pub(crate) fn new(config: RedisConfig) -> Result<Self, BackendError> {
        let context = Arc::new(Context::new(config));
        let scheme = match context.config.layout {
            Layout::Native => KeyScheme::Native(Native::new(Arc::clone(&context))?),
            #[cfg(feature = "redis-python")]
            Layout::Python => KeyScheme::Python(Python::new(Arc::clone(&context))),
        };
        Ok(Self { context, scheme, is_closed: AtomicBool::new(false) })
    }

    /// Returns the scheme, unless this process has closed the backend.
    fn open_scheme(&self) -> Option<&dyn Backend> {
        (!self.is_closed.load(Relaxed)).then_some(&*self.scheme)
    }

    /// Waits until the server answers: it may be starting, or loading its data.
    fn wait(&self) -> Result<(), RedisFault> {
        let deadline = self.context.deadline();
        let mut last = None;
        loop {
            let ping = |session: &mut Session<'_>| session.request(redis::cmd("PING")).map(drop);
            match self.context.pool.with_connection(&[0], deadline, ping) {
                Ok(()) => return Ok(()),
                Err(fault)
                    if matches!(fault.kind(), FaultKind::Busy | FaultKind::Connection)
                        && Instant::now() + RETRY_DELAY < deadline =>
                {
                    last = Some(fault);
                    thread::sleep(RETRY_DELAY);
                }
                // The earlier fault says more than the timeout.
                Err(fault) if fault.kind() == FaultKind::Timeout => return Err(last.unwrap_or(fault)),
                Err(fault) => return Err(fault),
            }
        }
    }
}

impl Backend for MultiProcessRedisBackend {
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.0.scheme.arena()
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.0.context.config.flush_interval)
    }

    fn scrape_timeout(&self) -> Option<Duration> {
        Some(self.0.context.config.timeout)
    }

    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Everywhere
    }

    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        self.0.open_scheme().map_or(Ok(()), |scheme| scheme.apply(batch))
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        self.0.open_scheme().map_or(Ok(()), |scheme| scheme.remove(removal))
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        self.0.scheme.load(totals)
    }

    fn heartbeat(&self) -> Option<Duration> {
        self.0.open_scheme()?.heartbeat()
    }

    fn close(&self) -> Result<(), BackendError> {
        if self.0.is_closed.swap(true, Relaxed) { Ok(()) } else { self.0.scheme.close() }
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        // In the parent they stay open.
        self.0.context.pool.clear();
        self.0.scheme.after_fork()
    }

    fn health(&self) -> Vec<FamilySnapshot> {
        self.0.context.health.families()
    }
}

impl Configure for MultiProcessRedisBackend {
    const NAME: &'static str = "redis";
    const ALIASES: &'static [&'static str] = &[
        "MultiProcessRedisBackend",
        "pytheus.backends.redis.MultiProcessRedisBackend",
        "pytheus.backends.MultiProcessRedisBackend",
    ];

    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        let inner = Inner::new(RedisConfig::read(config)?)?;
        if inner.context.config.waits_at_start {
            inner.wait()?;
        }
        Ok(Self(Arc::new(inner)))
    }
}

crate::register_backend!(MultiProcessRedisBackend);

impl fmt::Debug for MultiProcessRedisBackend {
    /// Shows the server and namespace, and no secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.0.context.config;
        f.debug_struct("MultiProcessRedisBackend")
            .field("server", &config.display_addr)
            .field("key_prefix", &config.namespace)
            .finish_non_exhaustive()
    }
}
