//! Simulates a full disk.

#![allow(unsafe_code, reason = "limits of a process have no safe form")]

use std::io;

/// No file of this process is to be longer than this: who writes more is told so, as when the disk is full.
///
/// # Panics
///
/// When the system does not allow it.
pub fn limit_file_size(bytes: Option<u64>) {
    let limits = libc::rlimit { rlim_cur: bytes.unwrap_or(libc::RLIM_INFINITY), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the signal is ignored, so that what is too long is an error; the limits are there to be read.
    let set = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limits)
    };
    assert!(set == 0, "{}", io::Error::last_os_error());
}
