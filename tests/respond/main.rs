//! Answers to scrapers: what they hold, who shares them, and when they come.

mod answers;
mod compression;
mod sharing;
mod timeouts;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pytheus::collector::Collector;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::error::CollectError;
use pytheus::exposition::Answer;
use pytheus::registry::{CollectorRegistry, Registry};
use pytheus::snapshot::FamilySnapshot;

/// All requests of a process stand in one queue.
fn alone() -> MutexGuard<'static, ()> {
    static QUEUE: Mutex<()> = Mutex::new(());
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds scrapes up, and counts them.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    begun: AtomicUsize,
    within: AtomicUsize,
    most_within: AtomicUsize,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        self.begun.fetch_add(1, SeqCst);
        self.most_within.fetch_max(self.within.fetch_add(1, SeqCst) + 1, SeqCst);
        let is_open = self.is_open.lock().unwrap();
        drop(self.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
        self.within.fetch_sub(1, SeqCst);
    }

    /// Waits until so many scrapes stand at the gate, or have passed it.
    fn wait_for(&self, scrapes: usize) {
        support::wait_for("scrape", || {
            let begun = self.begun.load(SeqCst);
            if begun >= scrapes { Ok(()) } else { Err(format!("{begun} of {scrapes}")) }
        });
    }
}

/// Opens the gate also when an assertion fails, so that nothing waits for ever.
struct Held(Arc<Gate>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.open();
    }
}

struct Gated(Arc<Gate>, Descriptor);

impl Gated {
    fn new(gate: &Arc<Gate>) -> Arc<Self> {
        let descriptor = Descriptor::new(Kind::Gauge, "passed", "Whether the scrape has passed the gate.").unwrap();
        Arc::new(Self(Arc::clone(gate), descriptor))
    }
}

impl Collector for Gated {
    fn descriptors(&self) -> Vec<Descriptor> {
        vec![self.1.clone()]
    }

    fn collect(&self) -> Result<Vec<FamilySnapshot>, CollectError> {
        self.0.pass();
        let mut gate = FamilySnapshot::new(&self.1);
        gate.push(&[], 1.0);
        Ok(vec![gate])
    }
}

/// A registry whose scrapes wait at the gate.
fn gated(gate: &Arc<Gate>) -> Arc<CollectorRegistry> {
    let registry = CollectorRegistry::new();
    registry.register(Gated::new(gate)).unwrap();
    Arc::new(registry)
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body().to_vec()).unwrap()
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut found = answer.headers().filter(|(header, _)| *header == name).map(|(_, value)| value);
    let value = found.next();
    assert_eq!(found.next(), None, "{name} is there twice");
    value
}

/// Drives a future on this thread, in a runtime without timers.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
