//! Shows that the sanitizer works here: it has to find the race, and no race where std synchronises.

use std::cell::UnsafeCell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, RwLock, mpsc};
use std::thread;

/// Without any protection of its own.
struct Number(UnsafeCell<u64>);

// SAFETY: none; the sanitizer is to find the race of its threads.
unsafe impl Sync for Number {}

impl Number {
    const fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add(&self) {
        // SAFETY: as above.
        unsafe { *self.0.get() += 1 }
    }

    fn get(&self) -> u64 {
        // SAFETY: as above.
        unsafe { *self.0.get() }
    }
}

const THREADS: usize = 4;
const ROUNDS: usize = 2000;

/// Runs the work in several threads, each with its number, and waits for them.
fn in_threads(work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        (0..THREADS).for_each(|n| {
            drop(scope.spawn({
                let work = &work;
                move || work(n)
            }))
        })
    });
}

/// Runs threads at the same time, without synchronisation.
fn race() {
    static NUMBER: Number = Number::new();
    static ARRIVED: AtomicUsize = AtomicUsize::new(0);
    in_threads(|_| {
        ARRIVED.fetch_add(1, Relaxed);
        while ARRIVED.load(Relaxed) < THREADS {
            thread::yield_now();
        }
        (0..ROUNDS).for_each(|_| NUMBER.add());
    });
}

/// Uses each way of std to synchronise threads.
fn order() {
    let number = Number::new();
    in_threads(|n| {
        if n == 0 {
            number.add()
        }
    });
    number.add();

    let locked = Mutex::new(Number::new());
    in_threads(|_| (0..ROUNDS).for_each(|_| locked.lock().unwrap().add()));
    let locked = RwLock::new(Number::new());
    in_threads(|n| {
        for round in 0..ROUNDS {
            if (n + round) % 3 == 0 {
                locked.write().unwrap().add()
            } else {
                assert!(locked.read().unwrap().get() <= (THREADS * ROUNDS) as u64)
            }
        }
    });

    let (turn, changed) = (Mutex::new((0, Number::new())), Condvar::new());
    in_threads(|n| {
        for _ in 0..ROUNDS / 20 {
            let mut turn = changed.wait_while(turn.lock().unwrap(), |turn| turn.0 % THREADS != n).unwrap();
            turn.0 += 1;
            turn.1.add();
            changed.notify_all();
        }
    });

    let (barrier, number) = (Barrier::new(THREADS), Number::new());
    in_threads(|n| {
        for round in 0..ROUNDS / 20 {
            if round % THREADS == n {
                number.add();
            }
            barrier.wait();
        }
    });

    for _ in 0..50 {
        let lazy = LazyLock::new(|| {
            let number = Number::new();
            number.add();
            Box::new(number)
        });
        in_threads(|_| assert_eq!(lazy.get(), 1));
    }

    let (sender, receiver) = mpsc::channel();
    let sending = thread::spawn(move || (0..ROUNDS).for_each(|_| sender.send(Box::new(Number::new())).unwrap()));
    receiver.iter().for_each(|number| number.add());
    sending.join().unwrap();

    // The last thread drops the shared value.
    for _ in 0..200 {
        let shared = Arc::new((0..THREADS).map(|_| Number::new()).collect::<Vec<_>>());
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let shared = shared.clone();
                thread::spawn(move || shared[n].add())
            })
            .collect();
        drop(shared);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    let number = Arc::new((AtomicUsize::new(0), Number::new()));
    let waiting = thread::spawn({
        let number = number.clone();
        move || {
            while number.0.load(Acquire) == 0 {
                thread::park();
            }
            number.1.add();
        }
    });
    number.1.add();
    number.0.store(1, Release);
    waiting.thread().unpark();
    waiting.join().unwrap();
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("race") => race(),
        _ => order(),
    }
}
