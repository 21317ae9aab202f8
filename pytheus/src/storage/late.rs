//! What all threads write, on its way to another slot.

use super::gate::lock;
use super::page::Cells;
use super::sync::{Mutex, global};

global! {
    /// Cells whose values have gone to others. A thread may be about to write there: what comes late goes the same way.
    static GONE: Mutex<Vec<Gone>> = Mutex::new(Vec::new());
}

struct Gone {
    from: Cells,
    to: Cells,
    is_gauge: bool,
}

/// Has a value, or flags, go to other cells, also what comes late.
pub(super) fn go(from: Cells, to: Cells, is_gauge: bool) {
    let mut gone = lock(&GONE);
    from.go_to(to, is_gauge, false);
    gone.push(Gone { from, to, is_gauge });
}

/// Has what came late go the same way.
pub(super) fn catch_up() {
    for Gone { from, to, is_gauge } in &*lock(&GONE) {
        from.go_to(*to, *is_gauge, true);
    }
}

/// Forgets what has gone, in a child process: it went to cells of the parent.
pub(super) fn forget() {
    lock(&GONE).clear();
}
