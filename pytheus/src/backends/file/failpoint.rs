//! Where a test may have a process end, as if it were killed there: before and after all that others can see.

/// The names of all places, in the order in which a process that attaches, folds and removes comes by.
#[cfg(any(test, debug_assertions))]
pub(crate) const FAILPOINTS: [&str; 14] = [
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

/// The same, of a process whose log has become long.
#[cfg(any(test, debug_assertions))]
pub(crate) const COMPACTION_POINTS: [&str; 3] = ["log copied", "log measured", "log replaced"];

/// The same, of one that attaches where nobody else is, and much was removed.
#[cfg(any(test, debug_assertions))]
pub(crate) const RENEWAL_POINTS: [&str; 2] = ["shared file copied", "shared file renamed"];

/// Aborts the process when `PYTHEUS_TEST_CRASH_AT` is this name, or `name:3` the third time. Nothing where debug
/// assertions are off.
#[inline]
pub(crate) fn failpoint(name: &'static str) {
    #[cfg(any(test, debug_assertions))]
    tested::reach(name);
    #[cfg(not(any(test, debug_assertions)))]
    let _ = name;
}

#[cfg(any(test, debug_assertions))]
mod tested {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Where to end, and how often to come by before.
    static WHERE: LazyLock<Option<(String, AtomicUsize)>> = LazyLock::new(|| {
        let wanted = std::env::var("PYTHEUS_TEST_CRASH_AT").ok()?;
        let (name, times) = wanted.split_once(':').unwrap_or((&wanted, "1"));
        Some((name.to_owned(), AtomicUsize::new(times.parse::<usize>().ok()?.checked_sub(1)?)))
    });

    pub(crate) fn reach(name: &'static str) {
        let known = [&super::FAILPOINTS[..], &super::COMPACTION_POINTS, &super::RENEWAL_POINTS];
        assert!(known.iter().any(|known| known.contains(&name)), "`{name}` is not in a list");
        if let Some((wanted, before)) = &*WHERE
            && wanted == name
            && before.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err()
        {
            std::process::abort();
        }
    }
}
