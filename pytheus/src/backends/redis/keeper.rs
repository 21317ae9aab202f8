//! The thread that says, now and then, that this process lives.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::backend::Inner;
use crate::unwind::guarded;

/// Starts it. It ends with the backend, and is not there in a child.
pub(super) fn start(inner: &Arc<Inner>) -> Result<(), std::io::Error> {
    let weak = Arc::downgrade(inner);
    thread::Builder::new().name("pytheus-redis".to_owned()).spawn(move || drop(guarded(|| work(&weak)))).map(drop)
}

fn work(inner: &Weak<Inner>) {
    let mut kept: Option<Instant> = None;
    loop {
        let wait = {
            let Some(inner) = inner.upgrade() else { return };
            let settings = &inner.common.settings;
            let mut aboard = inner.sender.board();
            let Some(sender) = aboard.get() else { return };
            if inner.is_closed() {
                return;
            }
            // A failure is counted; who ships or scrapes reports it.
            let outcome = sender.live(&inner.common);
            let lives = outcome.is_ok();
            sender.note(outcome.err());
            let every = (settings.expiry / 4).min(Duration::from_secs(30));
            if lives && kept.is_none_or(|kept| kept.elapsed() >= every) && sender.keep(&inner.common).is_ok() {
                kept = Some(Instant::now());
            }
            drop(aboard);
            if lives {
                inner.heir.inherit(&inner.common, None);
            }
            (settings.lease / 3).min(every).min(Duration::from_secs(3))
        };
        thread::sleep(wait);
    }
}
