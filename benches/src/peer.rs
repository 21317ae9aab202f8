//! What each library has to show: the same work, written the way its documentation recommends.

use std::sync::Arc;

/// A piece of work, done so many times.
pub type Work = Box<dyn Fn(u64) + Send + Sync>;

/// An operation as work, in a loop of its own, so that the call through the box is paid once.
pub fn work<T>(operation: impl Fn() -> T + Send + Sync + 'static) -> Work {
    Box::new(move |times| {
        for _ in 0..times {
            drop(operation());
        }
    })
}

/// An operation on a number that varies, such as an observation.
pub fn work_on(values: &'static [f64], operation: impl Fn(f64) + Send + Sync + 'static) -> Work {
    Box::new(move |times| {
        let mut left = times;
        while left > 0 {
            for value in values.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                operation(*value);
                left -= 1;
            }
        }
    })
}

/// The label values of a series. To a library they are borrowed texts, as from a request: where its keys own their
/// values, it has to copy them.
pub type Values<const N: usize> = [&'static str; N];

/// A format of a scrape, beside Prometheus' text 0.0.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` text 1.0.0.
    OpenMetrics,
    /// Prometheus protobuf, delimited.
    #[cfg_attr(not(feature = "protobuf"), allow(dead_code, reason = "two peers have it with that feature alone"))]
    Protobuf,
}

/// A family in a registry of its own.
pub trait Series<const N: usize>: Send + Sync {
    /// Looks up each of these series by its label values, and counts once in it.
    fn update(&self, sets: &[Values<N>]);

    /// Writes the family as text.
    fn scrape(&self, out: &mut String);

    /// Writes the family as text and shows the body, for a library that keeps its own buffer.
    fn show(&self, out: &mut String, body: &mut dyn FnMut(&[u8])) {
        self.scrape(out);
        body(out.as_bytes());
    }

    /// Writes the family in this format; false if the library lacks it.
    fn expose(&self, format: Format, out: &mut Vec<u8>) -> bool {
        let _ = (format, out);
        false
    }
}

pub type Family<const N: usize> = Arc<dyn Series<N>>;

/// A library. `None` where it has nothing like it.
pub trait Peer: Sync {
    fn name(&self) -> &'static str;

    /// One on one counter, through a handle that is kept.
    fn inc(&self) -> Option<Work> {
        None
    }

    /// One half on one counter.
    fn inc_half(&self) -> Option<Work> {
        None
    }

    /// An observation in one histogram of [`BUCKETS`](crate::values::BUCKETS).
    fn observe(&self) -> Option<Work> {
        None
    }

    /// One up and one down on one gauge, with the guard of the library if it has one.
    fn in_flight(&self) -> Option<Work> {
        None
    }

    /// The time of an empty body, into one histogram.
    fn time_nothing(&self) -> Option<Work> {
        None
    }

    /// An attribute on an empty function.
    fn attribute(&self) -> Option<Work> {
        None
    }

    /// An attribute on an empty async function.
    fn async_attribute(&self) -> Option<Work> {
        None
    }

    /// Counters with two labels, `route` and `status`; `most` is the number of series to come.
    fn pairs(&self, most: usize) -> Option<Family<2>> {
        let _ = most;
        None
    }

    /// Counters with two labels whose values are known to live for ever, so that keys may borrow them.
    fn static_pairs(&self, most: usize) -> Option<Family<2>> {
        self.pairs(most)
    }

    /// Counters with three labels, `route`, `status` and `tenant`.
    fn triples(&self, most: usize) -> Option<Family<3>> {
        let _ = most;
        None
    }

    /// Histograms with two labels.
    fn histograms(&self, most: usize) -> Option<Family<2>> {
        let _ = most;
        None
    }

    /// So many counters without labels, each a family; an update counts once in each.
    fn singles(&self, count: usize) -> Option<Family<0>> {
        let _ = count;
        None
    }
}

/// Runs a future that is ready at once.
pub fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
