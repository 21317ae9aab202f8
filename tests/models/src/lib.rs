//! The storage of pytheus under [loom], which tries the interleavings of its threads, and what a machine with weak memory
//! may show them: the code itself, compiled here once more with loom's atomics. `cargo test -p pytheus-models` runs
//! them all, each in as many turns taken away from a thread as it says; `LOOM_MAX_PREEMPTIONS=4` looks further.
//!
//! | models | of what |
//! |---|---|
//! | `hand_over` | a shard goes to the next thread when its own ends |
//! | `pool` | threads without a shard, for there are too many, or that are ending, borrow one for each update |
//! | `pages` | directories and pages are made when they are first touched; updates of shared cells |
//! | `look_up` | series are looked up while others are added, and the table grows |
//! | `growth` | segments of a table are split and merged while their series are looked up, counted in and removed |
//! | `removal` | series are removed, and their slots used again, while others look them up, count in them, drop them |
//! | `extra` | the extra cell of a series is made by two threads at once, or while the series is removed |
//! | `observe` | observations are read whole while a thread observes |
//! | `progress` | work in progress goes from thread to thread while others look |
//! | `moving` | pages move to where a backend wants them while their thread counts |
//! | `late` | what all threads write goes to other cells while they write it |
//!
//! Each says what could go wrong, and was seen to fail when the code is broken in that way: with a weaker order of an
//! atomic, a fence left out, an exchange that becomes a store, or two steps the other way round.
//!
//! # What they do not show
//!
//! - More than three threads, or more turns taken away than each says.
//! - The barrier that Linux has for all threads at once (`barrier`): the models have the two fences of elsewhere. For
//!   loom a `SeqCst` access would be no more than an `AcqRel` one; of a fence it has all.
//! - Loads that see what is stored later, which C++ and so Rust allows for relaxed ones, and loom does not try.
//! - Directories, pages and shards are never dropped; that each is made once is seen from what is counted in it.
//! - The destructors of threads: what they do to a shard is called at the end of each thread instead, where `join` waits
//!   for it, for loom runs them when the model is over.
//! - The lock that keeps readers and makers of pages away from a move (`moving::still`), and so a reader in the middle
//!   of one.
//! - The families (`metrics::core`): `family` does as they do. And the swap of the global registry, which is an
//!   `RwLock` of std's and no atomic of ours: there is nothing for loom to try but std, so that the test with threads
//!   (`registry_threads`) is the honest one.
//!
//! [loom]: https://docs.rs/loom
#![cfg(test)]

#[path = "../../../pytheus/src/storage/mod.rs"]
#[allow(unsafe_code, reason = "the storage; each block says why it is sound")]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "what no model looks at")]
#[allow(clippy::modulo_one, reason = "the tables are small: one page in a directory")]
#[allow(unexpected_cfgs, reason = "a feature of the crate itself")]
mod storage;
#[path = "../../../pytheus/src/sync/mod.rs"]
#[allow(unsafe_code, reason = "what the storage stands on; each block says why it is sound")]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "what no model looks at")]
#[allow(unexpected_cfgs, reason = "a feature of the crate itself")]
mod sync;

#[allow(dead_code, reason = "each has all that one of them needs")]
mod atomic;
mod family;
mod support;

mod extra;
mod growth;
mod hand_over;
mod late;
mod look_up;
mod moving;
mod observe;
mod pages;
mod pool;
mod progress;
mod removal;
