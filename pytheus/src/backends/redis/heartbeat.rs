//! The thread that says, now and then, that this process lives.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::backends::redis::backend::Inner;
use crate::backends::redis::write::writer;
use crate::report::{self, Level};
use crate::sync::catch_panic;

/// How often a fault is reported.
const REPORTED_EVERY: Duration = Duration::from_secs(60);

/// Starts it. It ends with the backend, and is not there in a child.
pub(crate) fn start(inner: &Arc<Inner>) -> Result<(), std::io::Error> {
    let weak = Arc::downgrade(inner);
    let work = move || {
        // A process that nobody hears of any more loses what it keeps alive.
        while catch_panic(|| work(&weak)).is_err() {
            thread::sleep(Duration::from_secs(1));
        }
    };
    thread::Builder::new().name("pytheus-redis".to_owned()).spawn(work).map(drop)
}

fn work(inner: &Weak<Inner>) {
    let (mut kept, mut reported): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        let wait = {
            let Some(inner) = inner.upgrade() else { return };
            let settings = &inner.common.settings;
            let mut aboard = inner.sender.board();
            let Some(sender) = aboard.get() else { return };
            if inner.is_closed() {
                return;
            }
            let every = (settings.expiry / 4).min(Duration::from_secs(30));
            // Who ships or scrapes reports that.
            let lives = sender.live(&inner.common);
            let is_away = lives.as_ref().is_err_and(|fault| fault.is_open() && !inner.common.pool.has_many());
            let mut alone = Ok(());
            let outcome = if is_away {
                lives
            } else {
                let checked = sender.check(&inner.common);
                if lives.is_ok() && !sender.waits() {
                    alone.clone_from(&checked);
                }
                lives.and(checked).and_then(|()| sender.send(&inner.common))
            };
            let lives = outcome.is_ok();
            sender.note(outcome.err());
            // Who ships need not wait for the rest.
            drop(aboard);
            if !is_away && kept.is_none_or(|kept| kept.elapsed() >= every) {
                let keeps = writer::keep(&inner.common);
                if keeps.is_ok() {
                    kept = Some(Instant::now());
                }
                alone = if lives { alone.and(keeps) } else { alone };
            }
            if let Err(fault) = alone
                && fault.lasts()
                && reported.is_none_or(|reported| reported.elapsed() >= REPORTED_EVERY)
            {
                reported = Some(Instant::now());
                report::emit(Level::Error, &format!("what is in Redis may expire while this process lives: {fault}"));
            }
            // One that has closed its own leaves those of others to them.
            if lives && inner.heir.own().is_some() {
                inner.heir.inherit(&inner.common, None);
            }
            (settings.lease / 3).min(every).min(Duration::from_secs(3))
        };
        thread::sleep(wait);
    }
}
