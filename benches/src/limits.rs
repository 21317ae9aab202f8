//! What the hardware allows: the least that the same work can cost, without anything around it.

use std::cell::Cell;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::peer::{Values, Work, work, work_on};
use crate::race::{Contestant, Kind};
use crate::rows::in_order;
use crate::values::{BUCKETS, OBSERVATIONS, Random};

const SLOTS: usize = 512;
const PAGES: usize = 64;

type Page = [AtomicU64; SLOTS];

/// The numbers that one thread alone writes.
struct Shard([Cell<Option<&'static Page>>; PAGES]);

thread_local! {
    static SHARD: Shard = const { Shard([const { Cell::new(None) }; PAGES]) };
}

#[cold]
fn new_page(place: &Cell<Option<&'static Page>>) -> &'static Page {
    let page = Box::leak(Box::new([const { AtomicU64::new(0) }; SLOTS]));
    place.set(Some(page));
    page
}

/// Thread-local shard, page, slot. Handles are small: a shard has room for 32,768.
#[inline]
fn own<R>(handle: u32, use_page: impl FnOnce(&Page, usize) -> R) -> Option<R> {
    SHARD.with(|shard| {
        let place = shard.0.get(handle as usize / SLOTS)?;
        let page = place.get().unwrap_or_else(|| new_page(place));
        Some(use_page(page, handle as usize % SLOTS))
    })
}

#[inline]
fn add_one(handle: u32) {
    own(handle, |page, slot| page[slot].store(page[slot].load(Relaxed) + 1, Relaxed));
}

#[inline]
fn add_float(cell: &AtomicU64, amount: f64) {
    cell.store((f64::from_bits(cell.load(Relaxed)) + amount).to_bits(), Relaxed);
}

#[inline]
fn observe_own(handle: u32, value: f64) {
    own(handle, |page, first| {
        let bucket = black_box(&BUCKETS).iter().filter(|bound| **bound < value).count();
        let count = &page[(first + bucket) % SLOTS];
        count.store(count.load(Relaxed) + 1, Relaxed);
        add_float(&page[(first + BUCKETS.len() + 1) % SLOTS], value);
    });
}

/// A slot is found at first use, as that of a static metric.
static COUNTER: AtomicU32 = AtomicU32::new(0);
static FLOAT: AtomicU32 = AtomicU32::new(8);
static HISTOGRAM: AtomicU32 = AtomicU32::new(16);
static GAUGE: AtomicU32 = AtomicU32::new(48);
/// Where the slots of labelled series begin.
const LABELLED: u32 = SLOTS as u32;

fn limit(name: &'static str, work: Work) -> Contestant {
    Contestant::new(name, Kind::Limit, work)
}

fn aside(name: &'static str, work: Work) -> Contestant {
    Contestant::new(name, Kind::Aside, work)
}

pub fn inc() -> Vec<Contestant> {
    let shared = AtomicU64::new(0);
    vec![
        aside("shared fetch_add", work(move || black_box(&shared).fetch_add(1, Relaxed))),
        limit("limit: own slot", work(|| add_one(black_box(&COUNTER).load(Relaxed)))),
    ]
}

pub fn inc_half() -> Vec<Contestant> {
    let half = || {
        let handle = black_box(&FLOAT).load(Relaxed);
        own(handle, |page, slot| add_float(&page[slot], black_box(0.5)));
    };
    vec![limit("limit: own float slot", work(half))]
}

pub fn observe() -> Vec<Contestant> {
    let observe = |value| observe_own(black_box(&HISTOGRAM).load(Relaxed), value);
    vec![limit("limit: own slots", work_on(&OBSERVATIONS, observe))]
}

pub fn in_flight() -> Vec<Contestant> {
    let shared = AtomicI64::new(0);
    let own_slot = || {
        let handle = black_box(&GAUGE).load(Relaxed);
        own(handle, |page, slot| page[slot].store(page[slot].load(Relaxed).wrapping_add(1), Relaxed));
        let handle = black_box(&GAUGE).load(Relaxed);
        own(handle, |page, slot| page[slot].store(page[slot].load(Relaxed).wrapping_sub(1), Relaxed));
    };
    let both = move || {
        black_box(&shared).fetch_add(1, Relaxed);
        black_box(&shared).fetch_sub(1, Relaxed);
    };
    // A gauge can be set, so its cell is shared.
    vec![limit("limit: shared add and sub", work(both)), aside("own slot up and down", work(own_slot))]
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code, reason = "an intrinsic")]
fn ticks() -> u64 {
    // SAFETY: every x86_64 has the instruction.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn ticks() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

fn timed() -> Work {
    work(|| {
        let start = ticks();
        let took = ticks().saturating_sub(start);
        observe_own(black_box(&HISTOGRAM).load(Relaxed), took as f64 * black_box(4e-10));
    })
}

pub fn time_nothing() -> Vec<Contestant> {
    let instants = work(|| {
        let start = std::time::Instant::now();
        black_box(start.elapsed());
    });
    vec![
        aside("two Instant", instants),
        aside("two time stamps", work(|| black_box(ticks().wrapping_sub(ticks())))),
        limit("limit: time stamps, own slots", timed()),
    ]
}

pub fn attribute() -> Vec<Contestant> {
    vec![limit("limit: time stamps, own slots", timed())]
}

/// A table that is not written to, compared by value, and a slot of one's own. The texts of the keys lie side by side,
/// so that a hit touches little memory.
pub fn lookup<const N: usize>(sets: &[Values<N>], order: Vec<Values<N>>) -> Contestant {
    let state = FixedState::with_seed(Random(1).below(u64::MAX));
    let mut texts = Vec::new();
    let mut table = HashTable::<(u32, u32)>::with_capacity(sets.len());
    for (set, handle) in sets.iter().zip(LABELLED..) {
        // Never full, so that nothing is hashed again.
        table.insert_unique(state.hash_one(set), (texts.len() as u32, handle), |_| 0);
        texts.extend(set.iter().map(|value| value.len() as u8));
        texts.extend(set.iter().flat_map(|value| value.bytes()));
    }
    let same = move |start: u32, set: &Values<N>| {
        let Some((lengths, mut text)) = texts[start as usize..].split_at_checked(N) else { return false };
        set.iter().zip(lengths).all(|(value, length)| {
            let (known, rest) = text.split_at(usize::from(*length).min(text.len()));
            text = rest;
            known == value.as_bytes()
        })
    };
    let find = move |set: &Values<N>| {
        if let Some((_, handle)) = table.find(state.hash_one(set), |(start, _)| same(*start, set)) {
            add_one(*handle);
        }
    };
    limit("limit: frozen table, own slot", in_order(order, move |sets| sets.iter().for_each(&find)))
}

/// Copies of rendered text, and numbers.
pub fn scrape(prefixes: Vec<String>, lines: usize) -> Contestant {
    let values: Vec<_> = (0..prefixes.len() as u64).map(AtomicU64::new).collect();
    let out = std::sync::Mutex::new(Vec::<u8>::new());
    let write = move || {
        let mut out = out.lock().expect("nothing panics in it");
        out.clear();
        for (prefix, value) in prefixes.iter().zip(&values) {
            for _ in 0..lines {
                out.extend_from_slice(prefix.as_bytes());
                out.extend_from_slice(itoa::Buffer::new().format(value.load(Relaxed)).as_bytes());
                out.push(b'\n');
            }
        }
        black_box(&*out);
    };
    limit("limit: copy, number", work(write))
}
