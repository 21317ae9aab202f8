//! Re-entrancy: code of the user inside a scrape that comes back to its caller.
//!
//! The closure of a gauge, a collector and a backend may ask the library for numbers. Each thread keeps a stack of the
//! code it runs. A question whose answer needs the same code again is refused, before it becomes an endless recursion.
//! The asking code then gets a fault: its result lacks the answer, and counts as a failure.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use crate::sync::catch_panic;

/// The maximum number of threads in one piece of code during scrapes. More of them are no load but a chain: code that
/// scrapes on another thread and waits for it.
const MOST_THREADS: u32 = 32;

/// The same for code found in such a chain. Nested chains would otherwise take exponential time.
const MOST_THREADS_OF_CHAINED: u32 = 2;

/// Code of the user: a closure, a collector or a backend. Its address is its identity, so it must not move while it
/// runs.
#[derive(Debug)]
pub(crate) struct Code {
    running: AtomicU32,
    most: AtomicU32,
}

/// The reason why code of the user has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It already runs in this thread. The frame below gets the fault, and reports it.
    Reentered,
    /// It asked for a value that is not known while it runs.
    Fault(ReentryFault),
    /// It panicked.
    Panicked(String),
}

/// A refused request of a piece of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReentryFault {
    /// Its own result.
    Itself,
    /// A scrape of the registry being scraped.
    Registry,
    /// A scrape on another thread, which waits for the same code, and so on.
    Chain,
    /// Totals out of reach, for this reason.
    Totals(String),
}

/// A piece of code that a thread runs.
struct Frame {
    address: usize,
    /// Code of the user, or a scrape of a registry.
    is_code: bool,
    fault: Option<ReentryFault>,
}

std::thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Acts on the stack of this thread; in a late destructor of a thread, on an empty one.
fn with_frames<T>(act: impl FnOnce(&mut Vec<Frame>) -> T) -> T {
    let mut act = Some(act);
    let done = FRAMES.try_with(|frames| act.take().map(|act| act(&mut frames.borrow_mut())));
    match (done, act) {
        (Ok(Some(done)), _) => done,
        (_, Some(act)) => act(&mut Vec::new()),
        (_, None) => unreachable!("it was called where it is not there any more"),
    }
}

/// A frame on the stack, until it is dropped.
pub(crate) struct Entered {
    address: usize,
}

impl Entered {
    fn new(address: usize, is_code: bool) -> Self {
        with_frames(|frames| frames.push(Frame { address, is_code, fault: None }));
        Self { address }
    }

    fn end(&self) -> Option<ReentryFault> {
        with_frames(|frames| {
            let top = frames.pop_if(|top| top.address == self.address)?;
            top.fault
        })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.end();
    }
}

impl Code {
    /// Makes code for scrapes, for a few threads at once.
    pub(crate) const fn new() -> Self {
        Self { running: AtomicU32::new(0), most: AtomicU32::new(MOST_THREADS) }
    }

    /// Makes code for any number of threads.
    pub(crate) const fn unbounded() -> Self {
        Self { running: AtomicU32::new(0), most: AtomicU32::new(u32::MAX) }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Returns whether this thread runs it.
    pub(crate) fn is_running_here(&self) -> bool {
        with_frames(|frames| frames.iter().any(|frame| frame.address == self.address()))
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If it panics, already runs in this thread, or asked for a value that is not known while it runs.
    pub(crate) fn run<T>(&self, code: impl FnOnce() -> T) -> Result<T, Failure> {
        let address = self.address();
        let is_reentered = with_frames(|frames| {
            let place = frames.iter().position(|frame| frame.address == address)?;
            // The results of all code above this frame lack the answer.
            for frame in frames[place..].iter_mut().filter(|frame| frame.is_code) {
                frame.fault.get_or_insert(ReentryFault::Itself);
            }
            Some(())
        });
        if is_reentered.is_some() {
            return Err(Failure::Reentered);
        }
        let running = Running::new(&self.running);
        if running.threads > self.most.load(Relaxed) && is_scraping() {
            self.most.store(MOST_THREADS_OF_CHAINED, Relaxed);
            return Err(Failure::Fault(ReentryFault::Chain));
        }
        let entered = Entered::new(address, true);
        let result = catch_panic(code);
        match entered.end() {
            // A panic is then the consequence.
            Some(fault) => Err(Failure::Fault(fault)),
            None => result.map_err(Failure::Panicked),
        }
    }
}

/// A thread in a piece of code, until it is dropped.
struct Running<'a> {
    running: &'a AtomicU32,
    threads: u32,
}

impl<'a> Running<'a> {
    fn new(running: &'a AtomicU32) -> Self {
        Self { running, threads: running.fetch_add(1, Relaxed).saturating_add(1) }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Relaxed);
    }
}

/// Returns whether this thread is in a scrape of a registry.
fn is_scraping() -> bool {
    with_frames(|frames| frames.iter().any(|frame| !frame.is_code))
}

/// Returns whether this thread runs code of the user for a reading.
pub(crate) fn is_nested() -> bool {
    with_frames(|frames| frames.last().is_some_and(|top| top.is_code))
}

/// Begins a scrape of the registry at this address.
///
/// # Errors
///
/// If code inside such a scrape asks for it, in the same thread.
pub(crate) fn begin_scrape(registry: usize) -> Result<Entered, ReentryFault> {
    let is_part = with_frames(|frames| {
        let is_within = frames.iter().any(|frame| frame.address == registry && !frame.is_code);
        let top = frames.last_mut().filter(|top| top.is_code && is_within)?;
        top.fault.get_or_insert(ReentryFault::Registry);
        Some(())
    });
    if is_part.is_some() { Err(ReentryFault::Registry) } else { Ok(Entered::new(registry, false)) }
}

/// Records that the asking code gets no answer.
pub(crate) fn unanswered(fault: ReentryFault) {
    with_frames(|frames| {
        if let Some(top) = frames.last_mut().filter(|top| top.is_code) {
            top.fault.get_or_insert(fault);
        }
    });
}

/// Runs code that may scrape inside a scrape: a reporter, called once per fault.
pub(crate) fn detached<T>(run: impl FnOnce() -> T) -> T {
    struct Former(Vec<Frame>);
    impl Drop for Former {
        fn drop(&mut self) {
            with_frames(|frames| *frames = std::mem::take(&mut self.0));
        }
    }
    let _former = Former(with_frames(std::mem::take));
    run()
}

impl fmt::Display for ReentryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => f.write_str(
                "it asks for its own value, by itself or through another closure or collector: have it ask for other \
                 metrics alone",
            ),
            Self::Registry => f.write_str(
                "it scrapes the registry whose scrape it is a part of: have it ask for single values, with `get` of a \
                 metric or `Registry::sample_value`, or scrape elsewhere",
            ),
            Self::Chain => write!(
                f,
                "it runs in too many threads at once, as it does when it scrapes on another thread and waits for that: \
                 have it ask for single values, with `get` of a metric, on its own thread"
            ),
            Self::Totals(why) => write!(f, "a value that it asks for can't be had: {why}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reentered => ReentryFault::Itself.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::Panicked(message) => write!(f, "it panicked: {message}"),
        }
    }
}
