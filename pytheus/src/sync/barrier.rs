//! An [asymmetric fence]: the light side, passed by each look-up in a table, costs next to nothing, and the heavy side,
//! passed by a removal once in a while, pays for both.
//!
//! On Linux the heavy side asks the kernel to run a memory barrier on all threads of the process ([`membarrier`]), and
//! the light side only keeps the compiler from reordering. Elsewhere both are plain `SeqCst` fences.
//!
//! [asymmetric fence]: https://github.com/facebook/folly/blob/main/folly/synchronization/AsymmetricThreadFence.h
//! [`membarrier`]: https://man7.org/linux/man-pages/man2/membarrier.2.html

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod asymmetric {
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{compiler_fence, fence};

    use once_cell::race::OnceBool;

    /// Set before the first shard exists, and so before the first look-up.
    static IS_SUPPORTED: OnceBool = OnceBool::new();

    pub(crate) fn init() -> bool {
        IS_SUPPORTED.get_or_init(|| membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
    }

    #[inline]
    pub(crate) fn light() {
        if IS_SUPPORTED.get() == Some(true) {
            compiler_fence(SeqCst);
        } else {
            fence(SeqCst);
        }
    }

    pub(crate) fn heavy() -> bool {
        fence(SeqCst);
        // Another thread may create the first shard at this moment.
        if !init() {
            return true;
        }
        let run = || membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        // A forked child may have to register again.
        run() || (membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && run())
    }

    fn membarrier(command: libc::c_int) -> bool {
        let no_flags: libc::c_uint = 0;
        // SAFETY: the call takes two numbers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, no_flags) == 0 }
    }
}

#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
mod symmetric {
    use super::super::shim::{SeqCst, fence};

    pub(crate) fn init() -> bool {
        false
    }

    #[inline]
    pub(crate) fn light() {
        fence(SeqCst);
    }

    pub(crate) fn heavy() -> bool {
        fence(SeqCst);
        true
    }
}

/// `init` comes before a thread's first `light`, and returns whether the sides differ. `heavy` returns whether all
/// threads have passed the barrier.
#[cfg(all(target_os = "linux", not(miri), not(loom)))]
pub(crate) use asymmetric::{heavy, init, light};
#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
pub(crate) use symmetric::{heavy, init, light};
