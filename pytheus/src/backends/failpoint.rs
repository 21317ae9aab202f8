//! [Failpoints](https://docs.rs/fail/latest/fail/): named places where a test crashes the process, or has something happen
//! that another process might do just then. One stands before and after each step that others can see.

/// Does what a test has armed for this point in this thread. Nothing outside of unit tests.
#[inline]
pub(crate) fn failpoint(name: &'static str) {
    #[cfg(test)]
    armed::reach(name);
    #[cfg(not(test))]
    let _ = name;
}

#[cfg(test)]
pub(crate) use armed::*;

#[cfg(test)]
mod armed {
    use std::cell::RefCell;

    /// The points of a process that attaches, folds and removes, in the order in which it reaches them.
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

    /// The points of a process that compacts its log.
    pub(crate) const COMPACTION_POINTS: [&str; 3] = ["log copied", "log measured", "log replaced"];

    /// The points of a process that compacts the shared file.
    pub(crate) const SHARED_COMPACTION_POINTS: [&str; 2] = ["shared file copied", "shared file renamed"];

    /// The points of a process that sends what a crashed one has not sent.
    #[cfg(feature = "redis")]
    pub(crate) const RECOVERY_POINTS: [&str; 5] =
        ["crash claimed", "server probed", "recovery journaled", "recovery sent", "spool removed"];

    /// A point, how often it is passed before, and what happens then.
    type Armed = (String, usize, Box<dyn FnOnce()>);

    std::thread_local! {
        static ARMED: RefCell<Option<Armed>> = const { RefCell::new(None) };
    }

    /// Has something happen once in this thread, at a point that it has passed so often before.
    pub(crate) fn arm(name: &str, before: usize, act: impl FnOnce() + 'static) {
        ARMED.set(Some((name.to_owned(), before, Box::new(act))));
    }

    /// Has nothing happen any more; says whether the point was not reached.
    #[cfg(feature = "redis")]
    pub(crate) fn disarm() -> bool {
        ARMED.take().is_some()
    }

    pub(super) fn reach(name: &'static str) {
        let known = [&FAILPOINTS[..], &COMPACTION_POINTS, &SHARED_COMPACTION_POINTS];
        #[cfg(feature = "redis")]
        let known = [&known[..], &[&RECOVERY_POINTS]].concat();
        assert!(known.iter().any(|known| known.contains(&name)), "`{name}` is not in a list");
        let act = ARMED.with_borrow_mut(|armed| match armed {
            Some((point, 0, _)) if *point == name => armed.take(),
            Some((point, left, _)) if *point == name => {
                *left -= 1;
                None
            }
            _ => None,
        });
        if let Some((_, _, act)) = act {
            act();
        }
    }
}
