//! A memory barrier whose one side is nearly free: a look-up meets it each time, a removal once in a while.
//!
//! Linux can have all threads of the process pass a barrier when one asks for it (`membarrier`). Where it can't, both
//! sides are plain fences.

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod asymmetric {
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{compiler_fence, fence};

    use once_cell::race::OnceBool;

    /// Settled before the first shard is there, and so before anyone looks anything up.
    static CAN: OnceBool = OnceBool::new();

    pub(in super::super) fn settle() -> bool {
        CAN.get_or_init(|| ask(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
    }

    #[inline]
    pub(in super::super) fn light() {
        if CAN.get() == Some(true) {
            compiler_fence(SeqCst);
        } else {
            fence(SeqCst);
        }
    }

    pub(in super::super) fn heavy() -> bool {
        fence(SeqCst);
        // The first shard may be made at this moment.
        if !settle() {
            return true;
        }
        // A fork may have to ask for leave again.
        let pass = || ask(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        pass() || (ask(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && pass())
    }

    fn ask(command: libc::c_int) -> bool {
        let no_flags: libc::c_uint = 0;
        // SAFETY: the call takes two numbers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, no_flags) == 0 }
    }
}

#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
mod symmetric {
    use std::sync::atomic::Ordering::SeqCst;

    #[cfg(loom)]
    use loom::sync::atomic::fence;
    #[cfg(not(loom))]
    use std::sync::atomic::fence;

    pub(in super::super) fn settle() -> bool {
        false
    }

    #[inline]
    pub(in super::super) fn light() {
        fence(SeqCst);
    }

    pub(in super::super) fn heavy() -> bool {
        fence(SeqCst);
        true
    }
}

/// `settle` is to be called before a thread first meets the `light` side, and says whether the sides differ. `heavy` says
/// whether all threads have passed it.
#[cfg(all(target_os = "linux", not(miri), not(loom)))]
pub(super) use asymmetric::{heavy, light, settle};
#[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
pub(super) use symmetric::{heavy, light, settle};
