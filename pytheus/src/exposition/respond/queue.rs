//! The queue of scrapes, and their threads.
//!
//! A request joins a waiting scrape of the same page: many requests at once are one collection
//! ([request coalescing](https://en.wikipedia.org/wiki/Thundering_herd_problem)). It never joins a scrape in progress, as
//! this may have read a counter before the request came.
//!
//! A thread takes the scrapes in their order, one of each page at a time, and ends once there are none. A scrape runs on
//! such a thread even for a waiting caller, who can then give up in time.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::deadlines::Deadline;
use super::page::{PageKey, ScrapePage};
use super::per_process::PerProcess;
use crate::sync::{Promise, Waiter};

/// The maximum number of scrapes at once.
const MAX_RUNNING: usize = 4;

/// The maximum number of waiting scrapes by name: a client can ask for ever different names.
const MAX_WAITING: usize = 64;

static QUEUE: PerProcess<Queue> = PerProcess::new();

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<Scrape>>,
    running: Vec<Arc<Scrape>>,
    threads: usize,
}

/// A scrape and the page to come of it.
struct Scrape {
    key: PageKey,
    page: Arc<Promise<Arc<ScrapePage>>>,
}

impl Queue {
    /// Finds the first scrape whose page is not in the making.
    fn first_ready(&self) -> Option<usize> {
        let is_running = |scrape: &Scrape| self.running.iter().any(|running| running.key == scrape.key);
        self.waiting.iter().position(|scrape| !is_running(scrape))
    }

    /// Joins a waiting scrape, or adds one. Scrapes of all families go before scrapes by name, of any number.
    ///
    /// # Errors
    ///
    /// The key, if too many wait.
    fn join(&mut self, key: PageKey) -> Result<Arc<Scrape>, PageKey> {
        if let Some(scrape) = self.waiting.iter().find(|scrape| scrape.key == key) {
            return Ok(Arc::clone(scrape));
        }
        let first_by_name = self.waiting.partition_point(|scrape| scrape.key.names.is_empty());
        let place = if key.names.is_empty() { first_by_name } else { self.waiting.len() };
        if place >= first_by_name + MAX_WAITING {
            return Err(key);
        }
        let scrape = Arc::new(Scrape { key, page: Arc::new(Promise::new()) });
        self.waiting.insert(place, Arc::clone(&scrape));
        Ok(scrape)
    }

    /// Returns whether one more thread has work, and counts it.
    fn needs_thread(&mut self) -> bool {
        let is_needed = self.threads < MAX_RUNNING && self.first_ready().is_some();
        self.threads += usize::from(is_needed);
        is_needed
    }

    /// Begins the next scrape, or ends the thread.
    fn begin(&mut self) -> Option<Arc<Scrape>> {
        let next = self.first_ready().and_then(|place| self.waiting.remove(place));
        match &next {
            Some(scrape) => self.running.push(Arc::clone(scrape)),
            None => self.threads -= 1,
        }
        next
    }
}

/// Runs scrapes until none is ready.
fn work() {
    while let Some(scrape) = QUEUE.with(Queue::begin) {
        // Held by the queue alone, the scrape has lost everybody waiting for it.
        let is_wanted = Arc::strong_count(&scrape) > 2;
        let page = if is_wanted { ScrapePage::of(&scrape.key) } else { ScrapePage::refusal(503, "no scraper waits") };
        scrape.page.fulfil(Arc::new(page));
        QUEUE.with(|queue| queue.running.retain(|running| !Arc::ptr_eq(running, &scrape)));
    }
}

/// A page to come.
pub(super) struct PendingPage {
    scrape: Arc<Scrape>,
    waiter: Waiter<Arc<ScrapePage>>,
    /// None on a platform without threads, as nothing is waited for there.
    until: Option<Instant>,
    timeout: Duration,
    /// Woken at the deadline.
    deadline: Option<Deadline>,
}

impl PendingPage {
    /// Asks for a page within some time, of a scraper with this timeout.
    ///
    /// # Errors
    ///
    /// If too many scrapes wait: the page says so.
    pub(super) fn ask_for(key: PageKey, time: Duration, timeout: Duration) -> Result<Self, ScrapePage> {
        let (scrape, needs_thread) = QUEUE.with(|queue| (queue.join(key), queue.needs_thread()));
        // Without threads, or if the system refuses one, the scrape runs here.
        if needs_thread && thread::Builder::new().name("pytheus-scrape".to_owned()).spawn(work).is_err() {
            work();
        }
        let Ok(scrape) = scrape else {
            return Err(ScrapePage::refusal(503, format_args!("{MAX_WAITING} scrapes by name wait already")));
        };
        let has_threads = cfg!(not(target_family = "wasm"));
        let until = has_threads.then(Instant::now).and_then(|now| now.checked_add(time));
        Ok(Self { waiter: Waiter::new(&scrape.page), scrape, until, timeout, deadline: None })
    }

    fn poll_page(&mut self, waker: &Waker) -> Poll<Arc<ScrapePage>> {
        if let Poll::Ready(page) = self.waiter.poll(waker, |page| Arc::clone(page)) {
            return Poll::Ready(page);
        }
        if self.until.is_none_or(|until| Instant::now() < until) {
            return Poll::Pending;
        }
        let has_begun = QUEUE.with(|queue| queue.running.iter().any(|other| Arc::ptr_eq(other, &self.scrape)));
        let reason = if has_begun { "the scrape is not done" } else { "an earlier scrape is still under way" };
        let timeout = self.timeout.as_secs_f64();
        Poll::Ready(Arc::new(ScrapePage::refusal(
            503,
            format_args!("{reason}, and the scraper gives up after {timeout} s"),
        )))
    }

    /// Waits for the page on this thread.
    pub(super) fn wait(mut self) -> Arc<ScrapePage> {
        let waker = thread_waker();
        loop {
            if let Poll::Ready(page) = self.poll_page(&waker) {
                return page;
            }
            match self.until {
                Some(until) => thread::park_timeout(until.saturating_duration_since(Instant::now())),
                None => thread::park(),
            }
        }
    }
}

impl Future for PendingPage {
    type Output = Arc<ScrapePage>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Arc<ScrapePage>> {
        // The waker may be another one each time.
        self.deadline = self.until.map(|until| Deadline::watch(until, context.waker().clone()));
        self.poll_page(context.waker())
    }
}

/// Makes a waker for this thread, to be used with [`thread::park`].
fn thread_waker() -> Waker {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    Waker::from(Arc::new(Unpark(thread::current())))
}
