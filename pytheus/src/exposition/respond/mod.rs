//! Answers to scrapers, without the types of a web server.

mod answer;
mod ask;
mod compression;
mod deadlines;
mod page;
mod per_process;
mod queue;
mod shared_registry;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use answer::Answer;
pub use ask::Ask;
use ask::Method;
use page::{PageKey, ScrapePage};
use queue::PendingPage;
pub use shared_registry::SharedRegistry;

use crate::reentry;
use crate::registry::REGISTRY;

/// Answers a scraper with the metrics of [`REGISTRY`]: status, headers and body, to be sent together.
///
/// The format and the compression are the scraper's choice, see [`Ask`]. The scrape runs on a thread of the library, at
/// most four at once; this thread waits, at most for the time that the scraper does. Requests that come while others wait
/// share a scrape with them if they ask for the same: its numbers are never older than the request. In an async function,
/// use [`respond_async`].
///
/// - A scrape that fails or takes too long is answered with the status 503 and the reason: to Prometheus, a smaller number
///   would look like a counter reset.
/// - A [collector](crate::collector::Collector) that panics is left out, counted and reported.
///
/// ```
/// use pytheus::exposition::{Ask, respond};
///
/// pytheus::metric! {
///     /// Requests, by any path.
///     static REQUESTS: Counter = "requests_total";
/// }
///
/// REQUESTS.inc();
/// let answer = respond(&Ask::new());
/// assert_eq!(answer.status(), 200);
/// assert!(String::from_utf8_lossy(answer.body()).contains("\nrequests_total 1\n"));
/// ```
pub fn respond(ask: &Ask) -> Answer {
    Respond::new(&REGISTRY, ask).wait()
}

/// Answers a scraper with the metrics of a registry of your own, as [`respond`] does.
pub fn respond_from(registry: impl Into<SharedRegistry>, ask: &Ask) -> Answer {
    Respond::new(registry, ask).wait()
}

/// Answers a scraper as [`respond`] does, in any async runtime and without blocking its threads.
pub fn respond_async(ask: &Ask) -> Respond {
    Respond::new(&REGISTRY, ask)
}

/// Answers a scraper as [`respond_from`] does, in any async runtime and without blocking its threads.
pub fn respond_async_from(registry: impl Into<SharedRegistry>, ask: &Ask) -> Respond {
    Respond::new(registry, ask)
}

/// The future of [`respond_async`]. The scrape is asked for before the first poll.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Respond {
    state: State,
    method: Method,
}

enum State {
    Ready(Arc<ScrapePage>),
    Pending(PendingPage),
}

impl Respond {
    pub(crate) fn new(registry: impl Into<SharedRegistry>, ask: &Ask) -> Self {
        let method = ask.method;
        if method == Method::Other {
            let page = ScrapePage::refusal(405, "metrics are there for GET and HEAD");
            return Self { state: State::Ready(Arc::new(page)), method };
        }
        let key = PageKey {
            registry: registry.into(),
            names: ask.names.clone(),
            negotiated: ask.negotiated.clone(),
            wants_gzip: ask.wants_gzip,
        };
        // A collector that asks would wait for the scrape that it is a part of. On its own thread it is refused.
        let pending = if reentry::is_nested() {
            Err(ScrapePage::of(&key))
        } else {
            PendingPage::ask_for(key, ask.time_to_answer(), ask.timeout)
        };
        let state = pending.map_or_else(|page| State::Ready(Arc::new(page)), State::Pending);
        Self { state, method }
    }

    fn wait(self) -> Answer {
        let page = match self.state {
            State::Ready(page) => page,
            State::Pending(pending) => pending.wait(),
        };
        Answer::new(page, self.method)
    }
}

impl fmt::Debug for Respond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Respond").finish_non_exhaustive()
    }
}

impl Future for Respond {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let page = match &mut self.state {
            State::Ready(page) => Poll::Ready(Arc::clone(page)),
            State::Pending(pending) => Pin::new(pending).poll(context),
        };
        page.map(|page| Answer::new(page, self.method))
    }
}
