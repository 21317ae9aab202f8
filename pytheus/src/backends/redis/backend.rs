//! The backend, put together.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::MultiProcessRedisBackend;
use crate::backends::custom::{
    AggregationScope, Arena, Backend, BackendError, Batch, Config, Configure, Removal, Totals,
};
use crate::backends::redis::berth::Berth;
use crate::backends::redis::client::connection::Link;
use crate::backends::redis::client::error::{RedisFault, Sort};
use crate::backends::redis::config::{Layout, Settings};
use crate::backends::redis::context::Common;
use crate::backends::redis::heartbeat;
use crate::backends::redis::python::Python;
use crate::backends::redis::read::scrape::{self, Memory};
use crate::backends::redis::recovery::Heir;
use crate::backends::redis::write::writer::Sender;
use crate::model::snapshot::FamilySnapshot;
use crate::sync::lock;

/// For how long a server that gave no answer in time is not asked again.
pub(crate) const GIVEN_UP: Duration = Duration::from_millis(100);

/// How long to wait before a server is asked again that is not there yet.
const AGAIN: Duration = Duration::from_millis(50);

/// What the backend consists of.
pub(crate) struct Inner {
    pub(crate) common: Common,
    pub(crate) sender: Berth<Sender>,
    /// What does it all, where that is the layout.
    python: Option<Python>,
    pub(crate) heir: Heir,
    /// This process is not to tell anything more.
    closed: AtomicBool,
    /// For the next scrape.
    memory: Mutex<Memory>,
    /// The label `pid` of this process.
    label: Mutex<Arc<str>>,
}

impl Inner {
    pub(crate) fn new(settings: Settings) -> Result<Self, BackendError> {
        let heir = Heir::new(settings.spool.as_ref())?;
        let sender = Sender::new(&settings, heir.own());
        let label = Mutex::new(sender.process_label());
        let python = (settings.layout == Layout::Python).then(Python::new);
        let common = Common::new(settings);
        let (sender, memory) = (Berth::new(sender), Mutex::default());
        Ok(Self { common, sender, python, heir, closed: AtomicBool::new(false), memory, label })
    }

    /// Sends something, unless this process has closed the backend.
    fn send(&self, send: impl FnOnce(&mut Sender, &Common) -> Result<(), RedisFault>) -> Result<(), BackendError> {
        let mut aboard = self.sender.board();
        let Some(sender) = aboard.get().filter(|_| !self.is_closed()) else { return Ok(()) };
        // Whoever has waited for another to give up, waits no second time.
        if let Some((when, fault)) = &sender.gave_up
            && when.elapsed() < GIVEN_UP
        {
            return Err(fault.clone().into());
        }
        let outcome = send(sender, &self.common);
        sender.note(outcome.clone().err());
        Ok(outcome?)
    }

    /// The label `pid` of this process.
    pub(crate) fn process_label(&self) -> Arc<str> {
        Arc::clone(&*lock(&self.label))
    }

    /// What talks as Python does, unless this process has closed the backend.
    fn python(&self) -> Option<&Python> {
        self.python.as_ref().filter(|_| !self.is_closed())
    }

    /// Starts the thread that says that this process lives, where somebody wants to know.
    fn keep(self: &Arc<Self>) -> Result<(), std::io::Error> {
        if self.python.is_some() { Ok(()) } else { heartbeat::start(self) }
    }

    /// Waits until the server answers: it may be about to start, or load its data.
    fn wait(&self) -> Result<(), RedisFault> {
        let deadline = self.common.deadline();
        let mut known = None;
        loop {
            let ping = |link: &mut Link<'_>| link.pipeline(&[redis::cmd("PING")]).map(drop);
            match self.common.pool.with(&[0], deadline, ping) {
                Ok(()) => return Ok(()),
                Err(fault)
                    if matches!(fault.sort(), Sort::Busy | Sort::Connection) && Instant::now() + AGAIN < deadline =>
                {
                    known = Some(fault);
                    thread::sleep(AGAIN);
                }
                // What was wrong until then says more than that the time is over.
                Err(fault) if fault.sort() == Sort::Timeout => return Err(known.unwrap_or(fault)),
                Err(fault) => return Err(fault),
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }
}

impl Backend for MultiProcessRedisBackend {
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        self.0.heir.arena()
    }

    fn interval(&self) -> Option<Duration> {
        Some(self.0.common.settings.interval)
    }

    fn scrape_timeout(&self) -> Option<Duration> {
        Some(self.0.common.settings.timeout)
    }

    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Everywhere
    }

    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        match self.0.python() {
            Some(python) => python.apply(&self.0.common, batch),
            None => self.0.send(|sender, common| sender.apply(common, batch)),
        }
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        match self.0.python() {
            Some(python) => python.remove(&self.0.common, removal),
            None => self.0.send(|sender, common| sender.remove(common, removal)),
        }
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        if let Some(python) = &self.0.python {
            return python.load(&self.0.common, totals);
        }
        totals.set_process_label(self.0.process_label());
        // Scrapes at the same time do without what another one knows.
        let mut memory = std::mem::take(&mut *lock(&self.0.memory));
        scrape::load(&self.0.common, &mut memory, totals)?;
        *lock(&self.0.memory) = memory;
        Ok(())
    }

    fn close(&self) -> Result<(), BackendError> {
        if let Some(python) = self.0.python() {
            self.0.closed.store(true, Relaxed);
            // A farewell, too.
            let _ = python.close(&self.0.common);
            return Ok(());
        }
        {
            let mut aboard = self.0.sender.board();
            let sender = aboard.get().filter(|_| !self.0.closed.swap(true, Relaxed));
            // All was sent; that nobody hears of the farewell loses nothing.
            let _ = sender.map(|sender| sender.close(&self.0.common));
        }
        self.0.heir.close(&self.0.common);
        Ok(())
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        let Inner { common, sender, heir, memory, label, .. } = &*self.0;
        // Closed here; in the parent they stay open.
        common.pool.clear();
        *lock(memory) = Memory::default();
        let begun = heir.forked();
        let new = Sender::new(&common.settings, heir.own());
        *lock(label) = new.process_label();
        sender.replace(new);
        if let Some(python) = &self.0.python {
            python.forked();
        }
        begun?;
        if !self.0.is_closed() {
            self.0.keep()?;
        }
        Ok(())
    }

    fn health(&self) -> Vec<FamilySnapshot> {
        self.0.common.stats.families()
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
        let settings = Settings::read(config)?;
        let wait = settings.wait;
        let inner = Arc::new(Inner::new(settings)?);
        if wait {
            inner.wait()?;
        }
        inner.keep()?;
        Ok(Self(inner))
    }
}

crate::register_backend!(MultiProcessRedisBackend);

impl fmt::Debug for MultiProcessRedisBackend {
    /// Without anything secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.0.common.settings;
        f.debug_struct("MultiProcessRedisBackend")
            .field("server", &settings.place)
            .field("key_prefix", &settings.namespace)
            .finish_non_exhaustive()
    }
}
