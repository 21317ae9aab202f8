//! Threads beyond the limit use a shard of the pool for each update, and count as exactly.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::sync::Barrier;
use std::thread;

use pytheus::metrics::set_thread_limit;

pytheus::metric! {
    /// Counted by all.
    static HITS: Counter = "hits_total";
    /// Halves, counted by all.
    static HALVES: Counter = "halves_total";
    /// Observed by all.
    static SIZES: Histogram = "sizes" { buckets: [1.0, 2.0] };
    /// Counted by all, by thread.
    static BY_THREAD: Counter = "by_thread_total" { labels: { thread } };
    /// Work of all.
    static BUSY: Gauge = "busy";
}

const THREADS: u64 = 24;
const EACH: u64 = 5_000;

/// Counts on all threads at once, so that most of them find no shard to keep.
fn count() {
    let start = Barrier::new(usize::try_from(THREADS).unwrap());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for i in 0..EACH {
                    let _busy = BUSY.track_inprogress();
                    HITS.inc();
                    HALVES.inc_by(0.5);
                    SIZES.observe(if i % 2 == 0 { 1.0 } else { 4.0 });
                    BY_THREAD.thread(thread).inc();
                }
            });
        }
    });
}

#[test]
fn threads_beyond_the_limit_count_as_exactly() {
    // No thread has a shard of its own, then some, then all.
    for (round, limit) in (1..).zip([0, 3, 1024]) {
        set_thread_limit(limit);
        count();
        let all = (round * THREADS * EACH) as f64;
        assert_eq!(HITS.get(), all, "limit {limit}");
        assert_eq!(HALVES.get(), all / 2.0, "limit {limit}");
        assert_eq!((SIZES.count() as f64, SIZES.sum()), (all, all * 2.5), "limit {limit}");
        for thread in 0..THREADS {
            assert_eq!(BY_THREAD.thread(thread).get(), (round * EACH) as f64, "limit {limit}, thread {thread}");
        }
        assert_eq!(BUSY.get(), 0.0, "limit {limit}");
    }
}
