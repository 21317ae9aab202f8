//! [Failpoints](https://docs.rs/fail): named places where a test ends the process as a kill would, or acts at that moment. They
//! stand before and after each effect that other processes can see, and cost nothing in a release build.

/// The failpoints of a process that attaches to a directory, folds and removes, in the order in which it passes them.
#[cfg(any(test, debug_assertions))]
pub(crate) const FAULT_POINTS: [&str; 14] = [
    "roster made",
    "roster written",
    "roster renamed",
    "number taken",
    "file made",
    "file locked",
    "file written",
    "file published",
    "archive made",
    "archive half written",
    "archive written",
    "archive renamed",
    "file removed",
    "series removed",
];

/// The failpoints of the compaction of a log.
#[cfg(any(test, debug_assertions))]
pub(crate) const COMPACTION_POINTS: [&str; 3] = ["log copied", "log measured", "log replaced"];

/// The failpoints of the compaction of the shared file.
#[cfg(any(test, debug_assertions))]
pub(crate) const RENEWAL_POINTS: [&str; 2] = ["common copied", "common renamed"];

/// The failpoints of a recovery from a spool.
#[cfg(any(test, debug_assertions))]
pub(crate) const RECOVERY_POINTS: [&str; 5] =
    ["crash locked", "crash probed", "recovery logged", "recovery sent", "crash removed"];

/// Passes a failpoint. Aborts the process when `PYTHEUS_TEST_CRASH_AT` is its name, or `name:3` at the third time.
#[inline]
pub(crate) fn fault_point(name: &'static str) {
    #[cfg(any(test, debug_assertions))]
    active::pass(name);
    #[cfg(not(any(test, debug_assertions)))]
    let _ = name;
}

#[cfg(all(test, feature = "redis"))]
pub(crate) use active::ACTION;

#[cfg(any(test, debug_assertions))]
mod active {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::{COMPACTION_POINTS, FAULT_POINTS, RECOVERY_POINTS, RENEWAL_POINTS};

    /// The failpoint to crash at, and how often to pass it before.
    static CRASH_AT: LazyLock<Option<(String, AtomicUsize)>> = LazyLock::new(|| {
        let wanted = std::env::var("PYTHEUS_TEST_CRASH_AT").ok()?;
        let (name, times) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some((name.to_owned(), AtomicUsize::new(times.parse::<usize>().ok()?.checked_sub(1)?)))
    });

    /// A failpoint, how often to pass it before, and an action.
    #[cfg(test)]
    type Action = (&'static str, usize, Box<dyn FnOnce()>);

    #[cfg(test)]
    std::thread_local! {
        /// The action of this thread, to be run once.
        pub(crate) static ACTION: std::cell::RefCell<Option<Action>> = const { std::cell::RefCell::new(None) };
    }

    pub(super) fn pass(name: &'static str) {
        let known = [&FAULT_POINTS[..], &COMPACTION_POINTS, &RENEWAL_POINTS, &RECOVERY_POINTS];
        assert!(known.iter().any(|known| known.contains(&name)), "`{name}` is not in a list");
        if let Some((wanted, before)) = &*CRASH_AT
            && wanted == name
            && before.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err()
        {
            std::process::abort();
        }
        #[cfg(test)]
        act(name);
    }

    #[cfg(test)]
    fn act(name: &'static str) {
        let action = ACTION.with_borrow_mut(|action| {
            let (_, left, _) = action.as_mut().filter(|(wanted, ..)| *wanted == name)?;
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => return action.take(),
            }
            None
        });
        if let Some((.., act)) = action {
            act();
        }
    }
}
