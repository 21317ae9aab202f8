//! Children of a test's own process.
#![allow(unsafe_code, reason = "`fork` has no safe form")]

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does something in a child, and waits for that to end.
///
/// # Panics
///
/// When it fails there, or hangs.
pub fn fork(work: impl FnOnce()) {
    // SAFETY: the child allocates, which the allocators that tests run with bear, as for any program that forks.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: sends a signal that ends this process, should it hang.
        unsafe { libc::alarm(300) };
        let worked = catch_unwind(AssertUnwindSafe(work));
        // SAFETY: ends the process, and nothing else.
        unsafe { libc::_exit(i32::from(worked.is_err())) }
    }
    let mut status = 0;
    // SAFETY: a child of this process; the status is a number of ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "a child failed, or hung");
}
