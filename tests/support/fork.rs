//! Children of a test's own process, and their threads.
#![allow(unsafe_code, reason = "`fork` has no safe form")]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

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

/// Does this on so many new threads at once, each with its number, and waits for them.
///
/// For children: a thread of std takes a lock of std as it begins and as it ends, and in a child that came of a process
/// where another thread had that lock just then, each new one waits for ever.
///
/// # Panics
///
/// When it fails there, or there can be no thread.
pub fn on_threads(count: usize, work: impl Fn(usize) + Sync) {
    beside_threads(count, work, || ());
}

/// The same, while this thread does something else.
///
/// # Panics
///
/// As above, and when that fails.
pub fn beside_threads<R>(count: usize, work: impl Fn(usize) + Sync, meanwhile: impl FnOnce() -> R) -> R {
    struct NewSeries<'a> {
        work: &'a (dyn Fn(usize) + Sync),
        number: usize,
        worked: bool,
    }

    extern "C" fn begin(begun: *mut c_void) -> *mut c_void {
        // SAFETY: it is there until this thread has been waited for, and nobody else looks at it meanwhile.
        let begun = unsafe { &mut *begun.cast::<NewSeries<'_>>() };
        begun.worked = catch_unwind(AssertUnwindSafe(|| (begun.work)(begun.number))).is_ok();
        ptr::null_mut()
    }

    let mut all: Vec<_> = (0..count).map(|number| NewSeries { work: &work, number, worked: false }).collect();
    let threads: Vec<_> = all
        .iter_mut()
        .map_while(|begun| {
            let mut thread = MaybeUninit::uninit();
            // SAFETY: the thread is written before it is read, and what it is given stays until it was waited for.
            unsafe {
                let made = libc::pthread_create(thread.as_mut_ptr(), ptr::null(), begin, ptr::from_mut(begun).cast());
                (made == 0).then(|| thread.assume_init())
            }
        })
        .collect();
    let done = catch_unwind(AssertUnwindSafe(meanwhile));
    for thread in threads {
        // SAFETY: it was made, and is waited for once.
        unsafe { libc::pthread_join(thread, ptr::null_mut()) };
    }
    let done = done.unwrap_or_else(|panic| resume_unwind(panic));
    assert!(all.iter().all(|begun| begun.worked), "a thread failed, or could not be made");
    done
}
