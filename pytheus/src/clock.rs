//! The clock of timers: the CPU's counter where it can be trusted, else `std::time::Instant`.
//!
//! On other systems than Linux, `Instant` reads the counter at little more cost, or no source says that it can be
//! trusted.
//!
//! On `wasm32-unknown-unknown` std has no clock at all, and panics. There the compiler refuses each use of a method
//! that [`needs_clock`].

#[cfg(all(feature = "fast-clock", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod counter;

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[cfg(all(feature = "fast-clock", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use counter::{Moment, seconds_since};
#[cfg(not(all(
    feature = "fast-clock",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(crate) use std::time::Instant as Moment;

/// Returns the seconds since a moment.
#[cfg(not(all(feature = "fast-clock", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline]
pub(crate) fn seconds_since(start: Moment) -> f64 {
    start.elapsed().as_secs_f64()
}

/// Whether std has a clock on this target.
pub(crate) const EXISTS: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// Returns the time as a hash, to tell moments apart; constant without a clock.
pub(crate) fn here_and_now() -> impl Hash {
    EXISTS.then(|| (SystemTime::now(), Instant::now()))
}

/// Returns a number that orders values by their time: nanoseconds since 1970, or a counter without a clock.
#[inline]
pub(crate) fn stamp() -> u64 {
    static SET: AtomicU64 = AtomicU64::new(1);
    if EXISTS {
        // A clock before 1970 counts as none.
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX);
    }
    SET.fetch_add(1, Relaxed)
}

/// Implemented for [`Clock`] where std has the time; the compiler shows this text for a bound that does not hold.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[diagnostic::on_unimplemented(
    message = "std has no clock on this target: nothing can be timed, and there is no time of day",
    label = "this needs a clock",
    note = "measure with a clock of the host, such as `performance.now()` of JavaScript, and give the seconds to `observe` \
            or `set`",
    note = "or leave it out here: `#[cfg_attr(not(all(target_family = \"wasm\", target_os = \"unknown\")), histogram(..))]`"
)]
pub trait HasClock {}

/// The clock, to be named in a bound. The lifetime makes the compiler check the bound at each use of a method, not once
/// at its definition.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[derive(Debug)]
pub struct Clock<'a>(std::marker::PhantomData<&'a ()>);

/// Writes functions and implementations that read the clock: `[head] { body }`, or `[head] where [bounds] { body }`.
/// Without a clock, a use is a compile error that says so.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
macro_rules! needs_clock {
    ($($(#[$meta:meta])* [$($head:tt)*] $(where [$($bounds:tt)*])? { $($body:tt)* })*) => {
        $($(#[$meta])* $($head)* $(where $($bounds)*)? { $($body)* })*
    };
}
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
macro_rules! needs_clock {
    ($($(#[$meta:meta])* [$($head:tt)*] $(where [$($bounds:tt)*])? { $($body:tt)* })*) => {
        $(
            $(#[$meta])*
            $($head)*
            where
                for<'clock> $crate::clock::Clock<'clock>: $crate::clock::HasClock,
                $($($bounds)*)?
            { $($body)* }
        )*
    };
}
pub(crate) use needs_clock;
