//! The clock of timers: the CPU's counter where it can be trusted, else `std::time::Instant`.
//!
//! Elsewhere than on Linux, `Instant` reads the counter at little more cost, or nothing says that it can be trusted.

#[cfg(all(feature = "fast-clock", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod counter;

#[cfg(all(feature = "fast-clock", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use counter::{Moment, seconds_since};
#[cfg(not(all(
    feature = "fast-clock",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(crate) use std::time::Instant as Moment;

/// The seconds since.
#[cfg(not(all(feature = "fast-clock", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline]
pub(crate) fn seconds_since(start: Moment) -> f64 {
    start.elapsed().as_secs_f64()
}
