//! The thread that says, now and then, that this process lives.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::backend::Inner;
use super::fault::RedisFault;
use super::sender::{Common, Sender};
use crate::report::{self, Level};
use crate::unwind::guarded;

/// How often a fault is reported.
const REPORTED_EVERY: Duration = Duration::from_secs(60);

/// Starts it. It ends with the backend, and is not there in a child.
pub(super) fn start(inner: &Arc<Inner>) -> Result<(), std::io::Error> {
    let weak = Arc::downgrade(inner);
    let work = move || {
        // A process that nobody hears of any more loses what it keeps alive.
        while guarded(|| work(&weak)).is_err() {
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
            let keeps = if is_away { Ok(()) } else { see_to_it(sender, &inner.common, &mut kept, every) };
            let alone = keeps.as_ref().err().filter(|fault| lives.is_ok() && fault.lasts() && !sender.waits());
            let alone = alone.map(ToString::to_string);
            let outcome = lives.and(keeps).and_then(|()| sender.send(&inner.common));
            let lives = outcome.is_ok();
            sender.note(outcome.err());
            drop(aboard);
            if let Some(fault) = alone
                && reported.is_none_or(|reported| reported.elapsed() >= REPORTED_EVERY)
            {
                reported = Some(Instant::now());
                report::tell(Level::Error, &format!("what is in Redis may expire while this process lives: {fault}"));
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

/// Keeps what is there from expiring, when that is due, and sees what is gone.
fn see_to_it(
    sender: &mut Sender,
    common: &Common,
    kept: &mut Option<Instant>,
    every: Duration,
) -> Result<(), RedisFault> {
    let mut keeps = Ok(());
    if kept.is_none_or(|kept| kept.elapsed() >= every) {
        keeps = sender.keep(common);
        if keeps.is_ok() {
            *kept = Some(Instant::now());
        }
    }
    keeps.and(sender.check(common))
}
