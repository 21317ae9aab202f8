//! The storage of pytheus under the model checker [loom]: the code itself, compiled here once more with loom's atomics.
//! Loom tries the interleavings of its threads, and the reorderings of a weak memory model. `cargo test -p
//! pytheus-models` runs all models, each with its own limit of preemptions; `LOOM_MAX_PREEMPTIONS=4` raises the limit.
//!
//! | models | subject |
//! |---|---|
//! | `hand_over` | a shard goes to the next thread when its own thread ends |
//! | `pool` | threads without a shard, since there are too many or they are ending, take one from a pool for each update |
//! | `pages` | directories and pages are made at the first use; updates of shared cells |
//! | `lookup` | series are looked up while others are added, and the table grows |
//! | `growth` | segments of a table are split and merged while their series are looked up, counted in and removed |
//! | `removal` | series are removed, and their slots reused, while other threads look them up, count in them, drop them |
//! | `extra` | the extra cell of a series is made by two threads at once, or while the series is removed |
//! | `observe` | observations are read whole while a thread observes |
//! | `progress` | work in progress passes between threads while others read |
//! | `migration` | pages migrate to a backend while their thread counts |
//! | `relocation` | shared cells are relocated while other threads write them |
//!
//! Each names the fault that it excludes, and was seen to fail with that fault in the code: a weaker order of an
//! atomic, a missing fence, a store in place of an exchange, or two steps in the wrong order.
//!
//! # Limits
//!
//! - No model has more than three threads, or more preemptions than its limit.
//! - The models have the symmetric fences of other systems in place of Linux' `membarrier` (`sync::barrier`). Loom
//!   treats a `SeqCst` access as an `AcqRel` one, but implements `SeqCst` fences.
//! - Loom tries no load buffering (relaxed loads of values stored later), allowed by C++ and Rust.
//! - Directories, pages and shards are never freed; lost counts would show that one was made twice.
//! - Loom runs destructors of threads after the model. The models call the shard's destructor at the end of each
//!   thread.
//! - The lock that blocks migrations (`migration::block`) is left out, and with it a reader in the middle of one.
//! - `family` stands in for the families (`metrics::core`). The swap of the global registry is an `RwLock` of std,
//!   without atomics of ours to explore; the test with threads (`registry_threads`) covers it.
//!
//! [loom]: https://docs.rs/loom
#![cfg(test)]

#[path = "../../../pytheus/src/storage/mod.rs"]
#[allow(unsafe_code, reason = "each block says why it is sound")]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "not used by a model")]
#[allow(clippy::modulo_one, reason = "the tables are small: one page in a directory")]
#[allow(unexpected_cfgs, reason = "a feature of the crate itself")]
mod storage;
#[path = "../../../pytheus/src/sync/mod.rs"]
#[allow(unsafe_code, reason = "each block says why it is sound")]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "not used by a model")]
#[allow(unexpected_cfgs, reason = "a feature of the crate itself")]
mod sync;

#[allow(dead_code, reason = "each has all that one of them needs")]
mod atomic;
mod family;
mod support;

mod extra;
mod growth;
mod hand_over;
mod lookup;
mod migration;
mod observe;
mod pages;
mod pool;
mod progress;
mod relocation;
mod removal;
