//! After a fork the child counts on from its parent's counts, in a process of its own, whatever other threads were
//! doing.
#![cfg(unix)]
#![allow(unsafe_code, reason = "`fork` has no safe form")]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{PipeReader, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicIsize};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::Counter;
use support::every_kind;
use support::fork::{beside_threads, on_threads};
use support::scrapes::{Raise, difference, samples, samples_of_text};

/// How long a child may take before it counts as hanging: far more than it needs on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How often a test forks a process that is busy.
const FORKS: u32 = 60;

/// Forks, runs `work` in the child, and gives what it returned there. The child says where it is by lines that begin
/// with `#`, so that one that hangs tells where.
///
/// Only the forking thread lives on in the child; it ends as soon as the work is done, without a look at what the
/// test harness had begun.
fn in_child(work: impl FnOnce(&dyn Fn(&str)) -> String) -> Result<String, String> {
    let (reader, writer) = std::io::pipe().expect("the system has pipes");
    // SAFETY: a child of a process with threads may rely on async-signal-safe calls alone. It allocates and makes
    // threads nevertheless: the allocators and thread libraries that tests run with bear it, as for any program that
    // forks. Of this test's own locks none is taken across it.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error().to_string()),
        0 => {
            let at = |step: &str| (&writer).write_all(format!("# {step}\n").as_bytes()).expect("the parent reads");
            let text = catch_unwind(AssertUnwindSafe(|| work(&at)));
            let sent = text.is_ok_and(|text| (&writer).write_all(text.as_bytes()).is_ok());
            // SAFETY: ends the process, and nothing else.
            unsafe { libc::_exit(i32::from(!sent)) }
        }
        child => {
            drop(writer);
            let text = receive(reader);
            if text.is_err() {
                // SAFETY: the child was not waited for yet, so the number is its own.
                unsafe { libc::kill(child, libc::SIGKILL) };
            }
            let mut status = 0;
            // SAFETY: as above; the status is a number of ours.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            match text {
                Ok(text) if status != 0 => Err(format!("the child panicked, after:\n{text}")),
                text => text,
            }
        }
    }
}

/// Reads to the end, as long as that takes no longer than it may.
fn receive(mut reader: PipeReader) -> Result<String, String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut piece = [0; 4096];
        // Ends with the child, or when the channel is closed.
        while let Ok(read @ 1..) = reader.read(&mut piece) {
            if tell.send(piece[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    let (mut bytes, deadline) = (Vec::new(), Instant::now() + TIMEOUT);
    loop {
        match told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(piece) => bytes.extend(piece),
            Err(RecvTimeoutError::Disconnected) => return String::from_utf8(bytes).map_err(|error| error.to_string()),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("the child hangs, after:\n{}", String::from_utf8_lossy(&bytes)));
            }
        }
    }
}

/// Counts allocated bytes.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;
static ALLOCATED: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call goes to the allocator of the system with the arguments it came with.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size().cast_signed(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size().cast_signed(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// One test forks at a time: a child has a copy of the ends of pipes that others made meanwhile.
fn alone() -> impl Drop {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

every_kind!(quiet);

#[test]
fn a_child_counts_on_without_changing_the_totals_of_its_parent() {
    let _alone = alone();
    quiet::count(0);
    let in_middle = thread::scope(|scope| {
        // A thread that has counted, and will count on.
        let (go_on, gone_on) = mpsc::channel();
        let (counted, has_counted) = mpsc::channel();
        scope.spawn(move || {
            (0..100).for_each(quiet::count);
            counted.send(()).expect("it is waited for");
            gone_on.recv().expect("it is told to go on");
            (0..100).for_each(quiet::count);
        });
        has_counted.recv().expect("it does not panic");
        let before = samples(&quiet::REGISTRY);

        let child = in_child(|at| {
            // On this thread, on new ones, in series that are there and in new ones.
            (0..10).for_each(quiet::count);
            quiet::BY_N.n("child").inc();
            at("counted");
            on_threads(4, |n| {
                (0..25).for_each(quiet::count);
                quiet::BY_N.n(format!("child {n}")).inc_by(2);
            });
            at("counted on new threads");
            // A child of its own.
            let grandchild = in_child(|_| {
                (0..5).for_each(quiet::count);
                generate_metrics_from(&quiet::REGISTRY).expect("one process can always be scraped")
            });
            let own = generate_metrics_from(&quiet::REGISTRY).expect("one process can always be scraped");
            format!("{own}\n--\n{}", grandchild.unwrap_or_else(|error| error))
        });
        let after = samples(&quiet::REGISTRY);
        go_on.send(()).expect("it waits");
        (before, child, after)
    });
    let (before, child, after) = in_middle;
    let child = child.unwrap();
    let (child, grandchild) = child.split_once("\n--\n").unwrap_or_else(|| panic!("{child}"));

    let with_new_series = |calls: Vec<usize>| {
        let mut expected = quiet::expected(calls);
        expected.insert("counts_by_n{n=\"child\"}".to_owned(), 1.0);
        expected.extend((0..4).map(|n| (format!("counts_by_n{{n=\"child {n}\"}}"), 2.0)));
        expected
    };
    let parents: Vec<_> = [0].into_iter().chain(0..100).collect();
    let childs: Vec<_> = parents.iter().copied().chain(0..10).chain((0..25).flat_map(|n| [n; 4])).collect();
    let grandchilds: Vec<_> = childs.iter().copied().chain(0..5).collect();
    for (whose, calls, text) in [("child", childs, child), ("grandchild", grandchilds, grandchild)] {
        let wrong = difference(&with_new_series(calls), &samples_of_text(text));
        assert!(wrong.is_empty(), "in the {whose}:\n{wrong}");
    }
    assert_eq!(difference(&before, &after), "", "the parent's totals changed");
    quiet::assert_counted(parents.into_iter().chain(0..100));
}

every_kind!(busy);

pytheus::metric! {
    /// Series that come and go.
    static VOLATILE: Counter = "volatile" { labels: { n }, registry: busy::REGISTRY };
    /// Counted in by the forking thread alone.
    static OWN: Counter = "own" { labels: { n }, registry: busy::REGISTRY };
}

/// Runs `forks` while other threads count, make and take out series, scrape, begin and end.
fn while_busy(forks: impl FnOnce()) {
    let done = AtomicBool::new(false);
    // All that `count` counts in is there from here on.
    (0..8).for_each(busy::count);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in (0..).take_while(|_| !done.load(Relaxed)) {
                busy::count(n);
                VOLATILE.n(n).inc();
                VOLATILE.n(n).remove();
            }
        });
        scope.spawn(|| {
            while !done.load(Relaxed) {
                generate_metrics_from(&busy::REGISTRY).expect("one process can always be scraped");
            }
        });
        scope.spawn(|| {
            while !done.load(Relaxed) {
                thread::spawn(|| busy::count(1)).join().expect("it does not panic");
            }
        });
        let _end = Raise(&done);
        forks();
    });
}

#[test]
fn a_child_counts_in_existing_series_whatever_other_threads_were_doing_at_the_fork() {
    let _alone = alone();
    let held: Counter = OWN.n("held").to_series();
    while_busy(|| {
        for round in 0..FORKS {
            held.inc();
            let before = held.get();
            let child = in_child(|at| {
                held.inc_by(round);
                at("counted by a handle");
                busy::count(2);
                at("counted in statics, and looked series up");
                let looked_up = (0..8).map(|n| busy::BY_N.n(n).get()).sum::<f64>();
                at("read series");
                let sizes = (busy::SIZES.sum(), busy::SIZES.count());
                // No other thread counts here, and observations interrupted by the fork are whole.
                assert_eq!(sizes.0, sizes.1 as f64 * every_kind::SIZES[0]);
                assert!(looked_up >= 9.0);
                held.get().to_string()
            });
            let text = child.unwrap_or_else(|error| panic!("fork {round}: {error}"));
            let expected = (before + f64::from(round)).to_string();
            assert_eq!(text.lines().last(), Some(expected.as_str()), "fork {round}:\n{text}");
            assert_eq!(held.get(), before, "fork {round}");
        }
    });
}

#[test]
fn a_child_creates_removes_and_scrapes_series_whatever_other_threads_were_doing_at_the_fork() {
    let _alone = alone();
    while_busy(|| {
        for round in 0..FORKS {
            let child = in_child(|at| {
                OWN.n("new").inc_by(round);
                at("counted in a new series");
                on_threads(1, |_| OWN.n("new").inc_by(round));
                at("counted on a new thread");
                VOLATILE.clear();
                at("took out series");
                generate_metrics_from(&busy::REGISTRY).expect("one process can always be scraped")
            });
            let text = child.unwrap_or_else(|error| panic!("fork {round}: {error}"));
            // Observations that the fork cut short are whole, too.
            if let Err(wrong) = busy::oracle().read(&text) {
                panic!("fork {round}: {wrong}\n{text}");
            }
            let shown = samples_of_text(&text);
            let new = shown.get("own{n=\"new\"}").copied();
            assert_eq!(new, Some(f64::from(2 * round)), "fork {round}:\n{text}");
            assert!(shown.keys().all(|key| !key.starts_with("volatile")), "fork {round}:\n{text}");
        }
    });
    assert_eq!(samples(&busy::REGISTRY).get("own{n=\"new\"}"), None, "the parent has none");
}

every_kind!(interrupted);

#[test]
fn observations_interrupted_by_a_fork_are_repaired_in_the_child() {
    let _alone = alone();
    let done = AtomicBool::new(false);
    interrupted::count(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    interrupted::SIZES.observe(every_kind::SIZES[0]);
                }
            });
        }
        let _end = Raise(&done);
        for round in 0..2 * FORKS {
            let child = in_child(|_| {
                let (before, together) = (interrupted::SIZES.count(), Barrier::new(3));
                // These threads go on in the shards of the lost ones.
                on_threads(3, |_| {
                    together.wait();
                    interrupted::SIZES.observe(every_kind::SIZES[0]);
                    together.wait();
                });
                let (sum, count) = (interrupted::SIZES.sum(), interrupted::SIZES.count());
                assert_eq!(count, before + 3);
                assert_eq!(sum, count as f64 * every_kind::SIZES[0]);
                String::new()
            });
            child.unwrap_or_else(|error| panic!("fork {round}: {error}"));
        }
    });
}

#[test]
fn a_child_frees_removed_series_whatever_other_threads_had_pinned_at_the_fork() {
    let _alone = alone();
    let done = AtomicBool::new(false);
    let come_and_go = |times| {
        for n in 0..times {
            VOLATILE.n(n).inc();
            VOLATILE.n(n).remove();
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for n in (0..).take_while(|_| !done.load(Relaxed)) {
                    busy::BY_N.n(n % 8).inc();
                }
            });
        }
        let _end = Raise(&done);
        for round in 0..FORKS / 6 {
            let child = in_child(|_| {
                // Some are always kept for a while.
                come_and_go(300);
                let before = ALLOCATED.load(Relaxed);
                come_and_go(2_000);
                (ALLOCATED.load(Relaxed) - before).to_string()
            });
            let grown = child.unwrap_or_else(|error| panic!("fork {round}: {error}"));
            assert!(grown.parse::<isize>().is_ok_and(|grown| grown < 50_000), "fork {round}: {grown} bytes more");
        }
    });
}

every_kind!(lineage);

/// If the threads of all generations kept their shards, there would be more than the limit.
const GENERATIONS: usize = 30;
const THREADS: usize = 50;

/// Counts on many threads, and goes on in a child while they live. Returns the allocated bytes of each generation, and
/// the scrape of the last one.
fn generation(n: usize) -> String {
    let (counted, end) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    let live = |_| {
        lineage::count(n);
        counted.wait();
        end.wait();
    };
    beside_threads(THREADS, live, || {
        counted.wait();
        let allocated = ALLOCATED.load(Relaxed);
        let rest = if n + 1 == GENERATIONS {
            generate_metrics_from(&lineage::REGISTRY).expect("one process can always be scraped")
        } else {
            in_child(|_| generation(n + 1)).unwrap_or_else(|error| error)
        };
        end.wait();
        format!("{allocated}\n{rest}")
    })
}

#[test]
fn threads_of_a_child_reuse_the_shards_of_lost_threads() {
    let _alone = alone();
    let text = generation(0);
    let lines: Vec<_> = text.lines().collect();
    let (allocated, shown) = lines.split_at(GENERATIONS);
    let allocated: Result<Vec<isize>, _> = allocated.iter().map(|bytes| bytes.parse()).collect();
    let allocated = allocated.unwrap_or_else(|_| panic!("{text}"));

    let calls = (0..GENERATIONS).flat_map(|n| [n; THREADS]);
    let wrong = difference(&lineage::expected(calls), &samples_of_text(&shown.join("\n")));
    assert!(wrong.is_empty(), "{wrong}");
    // Of a thread itself something is lost; its cells would be ten times as much.
    let grown = allocated[GENERATIONS - 1] - allocated[0];
    let threads = isize::try_from((GENERATIONS - 1) * THREADS).expect("they are few");
    assert!(grown / threads < 1024, "{} bytes more for each thread: {allocated:?}", grown / threads);
}
