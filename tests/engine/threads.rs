//! Whatever a thread is, and wherever in its life it counts, nothing is lost.
#![allow(unsafe_code, reason = "what runs before `main`, and after all of a thread, has no safe form")]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use pytheus::metrics::InProgress;
use support::every_kind;
use support::scrapes::while_scraping;

every_kind!(one_by_one);

#[test]
fn two_thousand_successive_threads_lose_no_count() {
    for n in 0..2_000 {
        thread::spawn(move || one_by_one::count(n)).join().expect("it does not panic");
    }
    one_by_one::assert_counted(0..2_000);
}

every_kind!(at_once);

#[test]
fn six_hundred_concurrent_threads_lose_no_count_and_no_observation_is_torn() {
    const THREADS: usize = 600;
    const ROUNDS: usize = 50;
    // Twice: the second round reuses the shards of the first.
    let scrapes = while_scraping(&mut [at_once::oracle()], || {
        for _ in 0..2 {
            let all_counted = Barrier::new(THREADS);
            thread::scope(|scope| {
                for n in 0..THREADS {
                    let all_counted = &all_counted;
                    let small = thread::Builder::new().stack_size(256 << 10);
                    let thread = small.spawn_scoped(scope, move || {
                        at_once::count(n);
                        all_counted.wait();
                        (1..ROUNDS).for_each(|_| at_once::count(n));
                        all_counted.wait();
                        at_once::count(n);
                    });
                    thread.expect("the machine can have so many threads");
                }
            });
        }
    });
    at_once::assert_counted((0..THREADS).flat_map(|n| [n; 2 * (ROUNDS + 1)]));
    if let Err(wrong) = scrapes {
        panic!("{wrong}");
    }
}

every_kind!(
    /// Counted in by destructors of thread-locals.
    late
);

/// Counts when it is dropped.
struct CountsWhenDropped(usize);

impl CountsWhenDropped {
    const TIMES: usize = 50;
}

impl Drop for CountsWhenDropped {
    fn drop(&mut self) {
        (0..Self::TIMES).for_each(|_| late::count(self.0));
    }
}

thread_local! {
    static BEFORE: RefCell<Option<CountsWhenDropped>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<CountsWhenDropped>> = const { RefCell::new(None) };
    static GUARD: RefCell<Option<InProgress>> = const { RefCell::new(None) };
}

#[test]
fn destructors_of_thread_locals_count_in_any_order() {
    const THREADS: usize = 300;
    let live = |n| {
        GUARD.set((n % 5 == 0).then(|| late::BUSY.track_inprogress()));
        BEFORE.set(Some(CountsWhenDropped(n)));
        // Some threads count nothing until their destructors run.
        if n % 3 > 0 {
            late::count(n);
        }
        // The first used is dropped last: some are dropped before thread-locals of the library, some after.
        AFTER.set(Some(CountsWhenDropped(n)));
        if n % 5 == 1 {
            GUARD.set(Some(late::BUSY.track_inprogress()));
        }
    };
    let scrapes = while_scraping(&mut [late::oracle()], || {
        for n in (0..THREADS).step_by(3) {
            // Joined by hand: the end of a scope does not wait for destructors.
            let threads: Vec<_> = (n..n + 3).map(|n| thread::spawn(move || live(n))).collect();
            for thread in threads {
                thread.join().expect("it does not panic");
            }
        }
    });
    late::assert_counted((0..THREADS).flat_map(|n| vec![n; 2 * CountsWhenDropped::TIMES + usize::from(n % 3 > 0)]));
    if let Err(wrong) = scrapes {
        panic!("{wrong}");
    }
}

every_kind!(
    /// Counted in when all thread-locals of Rust are gone.
    last
);

#[test]
#[cfg(unix)]
fn what_runs_after_all_destructors_of_rust_counts() {
    unsafe extern "C" fn count_last(n: *mut libc::c_void) {
        last::count(n.addr());
    }

    let mut key = 0;
    // SAFETY: the key is written before it is used, and the function may be called with any value.
    assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(count_last)) }, 0);
    for n in 1..200_usize {
        let thread = thread::spawn(move || {
            // SAFETY: the key exists, and its value is never dereferenced.
            assert_eq!(unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(n)) }, 0);
            if n % 2 == 0 {
                last::count(n);
            }
        });
        thread.join().expect("it does not panic");
    }
    last::assert_counted((1..200).flat_map(|n| if n % 2 == 0 { vec![n; 2] } else { vec![n] }));
}

every_kind!(
    /// Counted in before `main`.
    early
);

/// Runs before `main`, beside the registration of declared metrics, in any order.
#[used]
#[cfg_attr(
    any(target_os = "linux", target_os = "android", target_os = "freebsd"),
    unsafe(link_section = ".init_array")
)]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
static BEFORE_MAIN: extern "C" fn() = {
    extern "C" fn count() {
        (0..100).for_each(early::count);
    }
    count
};

/// The same, before everything else that is called.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array.00101"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(windows, unsafe(link_section = ".CRT$XCB"))]
static BEFORE_ALL: extern "C" fn() = {
    extern "C" fn count() {
        (100..200).for_each(early::count);
    }
    count
};

#[test]
fn counts_from_before_main_are_there() {
    early::assert_counted(0..200);
    early::count(200);
    early::assert_counted(0..=200);
}

every_kind!(unwinding);

#[test]
fn a_panicking_thread_keeps_its_counts_and_counts_while_it_unwinds() {
    struct CountsOnDrop(usize);
    impl Drop for CountsOnDrop {
        fn drop(&mut self) {
            assert!(thread::panicking());
            unwinding::count(self.0);
        }
    }
    for n in 0..200 {
        let thread = thread::spawn(move || {
            let _busy = unwinding::BUSY.track_inprogress();
            let _counts = CountsOnDrop(n);
            unwinding::count(n);
            // As a panic, but it writes nothing.
            resume_unwind(Box::new("on purpose"));
        });
        assert!(thread.join().is_err());
    }
    unwinding::assert_counted((0..200).flat_map(|n| [n; 2]));
}

every_kind!(handed_over);

#[test]
fn a_guard_may_end_on_another_thread() {
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..3 {
            let send = send.clone();
            scope.spawn(move || {
                for n in 0..500 {
                    handed_over::count(n);
                    send.send(handed_over::BUSY.track_inprogress()).expect("it is received");
                }
            });
        }
        drop(send);
        // Some end while their thread still counts, others when it has long ended.
        scope.spawn(move || receive.into_iter().for_each(drop));
    });
    handed_over::assert_counted((0..500).flat_map(|n| [n; 3]));

    let guards: Vec<_> = thread::spawn(|| (0..100).map(|_| handed_over::BUSY.track_inprogress()).collect())
        .join()
        .expect("it does not panic");
    assert_eq!(handed_over::BUSY.get(), 1_500.0 * 0.25 + 100.0);
    thread::spawn(move || drop::<Vec<_>>(guards)).join().expect("it does not panic");
    handed_over::assert_counted((0..500).flat_map(|n| [n; 3]));
}

every_kind!(sent);

#[test]
fn a_handle_counts_on_every_thread() {
    let mut handles = (sent::COUNTS.to_series(), sent::BY_N.n("sent").to_series(), sent::TIMES.to_series());
    // The same one, from thread to thread.
    for _ in 0..100 {
        let (counts, by_n, times) = handles;
        let thread = thread::spawn(move || {
            counts.inc();
            by_n.inc();
            times.observe(2.0);
            (counts, by_n, times)
        });
        handles = thread.join().expect("it does not panic");
    }
    // Clones of it, in all threads at once.
    let start = Arc::new(Barrier::new(100));
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let ((counts, by_n, times), start) = (handles.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for _ in 0..100 {
                    counts.inc();
                    by_n.inc();
                    times.observe(2.0);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("it does not panic");
    }
    let counted = sent::BY_N.n("sent").get();
    assert_eq!((sent::COUNTS.get(), counted), (10_100.0, 10_100.0));
    assert_eq!((sent::TIMES.count(), sent::TIMES.sum()), (10_100, 20_200.0));
}
