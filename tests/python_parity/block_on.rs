//! Runs a future that never waits for anything outside itself.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Polls until the future is done.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return output;
        }
    }
}
