//! A backend that is loaded while threads count: nothing is lost, nothing is counted twice, and no scrape goes down. Its
//! arena is in memory, and is read here as another process would read it.

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pytheus::LabelValue;
use pytheus::backends::custom::{Arena, Backend, CellAddr, FamilyKey, NewSeries, Page, SeriesKey};
use pytheus::backends::{BackendError, BackendSpec, load_backend};
use pytheus::descriptor::Kind;
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use pytheus::metrics::{Counter, Gauge, set_thread_limit};
use support::scrapes::{Samples, difference, samples_of_text};
use support::worker::rerun;

/// How often a process loads the backend: each does so once.
const ROUNDS: usize = 24;
const THREADS: usize = 18;
/// What each thread does at least; it goes on until the backend is loaded.
const STEPS: usize = 200;

const ROUND: &str = "PYTHEUS_TEST_ROUND";

#[derive(Clone, Copy, LabelValue)]
enum Size {
    Small,
    Large,
}

metric! {
    /// C.
    static WHOLE: Counter = "whole_total";
    /// C.
    static PARTS: Counter = "parts_total";
    /// C.
    static BY_THREAD: Counter = "by_thread_total" { labels: { thread } };
    /// C.
    static BY_SIZE: Counter = "by_size_total" { labels: { size: Size, kind = "plain" } };
    /// C.
    static AGAIN: Counter = "again_total" { labels: { thread } };
    /// H.
    static TIMES: Histogram = "times" { buckets: [1.0, 2.0] };
    /// S.
    static SIZES: Summary = "sizes";
    /// G.
    static SHARED: Gauge = "shared";
    /// G.
    static OWN: Gauge = "own" { mode: live_sum };
    /// G.
    static SET: Gauge = "set" { labels: { thread } };
    /// G.
    static SET_OWN: Gauge = "set_own" { labels: { thread }, mode: live_sum };
    /// G.
    static BUSY: Gauge = "busy" { mode: live_sum };
    /// S.
    static STATE: StateSet<Size> = "state" { labels: { thread } };
}

/// Where the cells lie: pages that stay, and a note of what they hold.
#[derive(Default)]
struct Memory(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    pages: BTreeMap<(u32, u32), &'static Page>,
    series: BTreeMap<CellAddr, Note>,
    common: Vec<(Arc<FamilyKey>, SeriesKey, CellAddr)>,
    wrong: Vec<String>,
}

struct Note {
    family: Arc<FamilyKey>,
    key: SeriesKey,
    also: Option<CellAddr>,
}

impl Memory {
    fn notes<R>(&self, act: impl FnOnce(&mut Notes) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Arena for Memory {
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page> {
        self.notes(|notes| {
            let new: &'static Page = Box::leak(Box::new(Page::new()));
            if page >= CellAddr::FIRST_SHARED_PAGE {
                return Some(*notes.pages.entry((shard, page)).or_insert(new));
            }
            if notes.pages.insert((shard, page), new).is_some() {
                notes.wrong.push(format!("asked twice for page {page} of shard {shard}"));
            }
            Some(new)
        })
    }

    fn add_series(&self, series: &NewSeries<'_>) -> Result<(), BackendError> {
        self.notes(|notes| {
            let note = Note { family: Arc::clone(series.family), key: series.series.clone(), also: None };
            if notes.series.insert(series.at, note).is_some() {
                notes.wrong.push(format!("two series at {:?}", series.at));
            }
        });
        Ok(())
    }

    fn add_cells(&self, series: CellAddr, also: CellAddr) -> Result<(), BackendError> {
        self.notes(|notes| match notes.series.get_mut(&series) {
            Some(note) => note.also = Some(also),
            None => notes.wrong.push(format!("no series at {series:?}")),
        });
        Ok(())
    }

    fn free_series(&self, series: CellAddr) {
        self.notes(|notes| {
            if notes.series.remove(&series).is_none() {
                notes.wrong.push(format!("no series ends at {series:?}"));
            }
        });
    }

    fn shared_cells(&self, family: &Arc<FamilyKey>, series: &SeriesKey, _: bool) -> Result<CellAddr, BackendError> {
        Ok(self.notes(|notes| {
            let mut known = notes.common.iter();
            if let Some((_, _, at)) = known.find(|(other, key, _)| other.is_same_family(family) && key == series) {
                return *at;
            }
            let at = CellAddr {
                page: CellAddr::FIRST_SHARED_PAGE,
                cell: u32::try_from(notes.common.len() * 3).expect("few series"),
            };
            notes.common.push((Arc::clone(family), series.clone(), at));
            notes.series.insert(at, Note { family: Arc::clone(family), key: series.clone(), also: None });
            at
        }))
    }
}

impl Notes {
    /// A cell of all shards, but for the one that all threads write, if that is not the one asked for.
    fn each(&self, at: CellAddr, offset: u32, shared: bool, mut see: impl FnMut(u64)) {
        for ((shard, page), cells) in &self.pages {
            if *page == at.page && (*shard == 0) == shared {
                see(cells.cells()[(at.cell + offset) as usize].load(Acquire));
            }
        }
    }

    fn sum(&self, at: CellAddr, offset: u32) -> u64 {
        let mut sum = 0_u64;
        self.each(at, offset, false, |cell| sum = sum.wrapping_add(cell));
        sum
    }

    /// What is in the pages, as a scrape would show it.
    fn samples(&self) -> Samples {
        let mut samples = Samples::new();
        for (at, Note { family, key, also }) in &self.series {
            let labels: Vec<_> = key.labels(family).iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let name = |suffix: &str, more: Option<String>| {
                let labels: Vec<_> = labels.iter().cloned().chain(more).collect();
                let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
                format!("{}{suffix}{labels}", family.name())
            };
            let extra = |offset| also.map_or(0, |also| self.sum(also, offset));
            let mut shared = 0;
            self.each(*at, 0, true, |cell| shared = cell);
            match family.descriptor().kind() {
                Kind::Counter => {
                    let mut value = self.sum(*at, 0) as f64;
                    if let Some(also) = also {
                        self.each(*also, 0, false, |cell| value += f64::from_bits(cell));
                    }
                    samples.insert(name("", None), value);
                }
                Kind::Gauge => {
                    let busy = extra(0).wrapping_sub(extra(1)).cast_signed() as f64;
                    samples.insert(name("", None), f64::from_bits(shared) + 0.0 + busy);
                }
                Kind::Histogram | Kind::Summary => {
                    let bounds = family.descriptor().buckets();
                    let (mut counts, mut sum) = (vec![0; bounds.len() + 1], 0.0);
                    for ((_, page), cells) in &self.pages {
                        if *page == at.page {
                            sum += cells.observed(at.cell as usize, &mut counts, &mut Vec::new());
                        }
                    }
                    let mut so_far = 0;
                    let is_histogram = family.descriptor().kind() == Kind::Histogram;
                    let bounds = bounds.iter().map(|bound| format!("{bound:?}")).chain(["+Inf".to_owned()]);
                    for (bound, count) in bounds.zip(&counts) {
                        so_far += count;
                        if is_histogram {
                            samples.insert(name("_bucket", Some(format!("le=\"{bound}\""))), so_far as f64);
                        }
                    }
                    samples.insert(name("_count", None), so_far as f64);
                    samples.insert(name("_sum", None), sum);
                }
                Kind::StateSet => {
                    for (place, state) in ["small", "large"].iter().enumerate() {
                        let is_up = (shared >> place & 1) as f64;
                        samples.insert(name("", Some(format!("{}=\"{state}\"", family.name()))), is_up);
                    }
                }
                other => panic!("no such metric here: {other:?}"),
            }
        }
        samples
    }
}

struct InMemory(Arc<Memory>);

impl Backend for InMemory {
    fn arena(&self) -> Option<Arc<dyn Arena>> {
        Some(Arc::clone(&self.0) as Arc<dyn Arena>)
    }
}

/// Small, and different from round to round.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn pause(&mut self) {
        match self.below(64) {
            0 => thread::yield_now(),
            1 => (0..self.below(2_000)).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    }
}

/// What a thread has done, by the samples that show it.
fn count(thread: usize, random: &mut Random, loaded: &AtomicBool) -> Samples {
    let mut done = Samples::new();
    let label = thread.to_string();
    let (kept, kept_gauge): (Counter, Gauge) = (BY_THREAD.thread(&label).to_series(), SET.thread(&label).to_series());
    let mut step = 0;
    let mut after = 0;
    // Some that were there before the load go on after it.
    while step < STEPS || after < 20 {
        let add = &mut |name: String, amount: f64| *done.entry(name).or_default() += amount;
        step += 1;
        after += usize::from(loaded.load(Relaxed));
        let number = random.below(1_000) as f64;
        WHOLE.inc();
        add("whole_total".to_owned(), 1.0);
        PARTS.inc_by(0.25);
        add("parts_total".to_owned(), 0.25);
        kept.inc();
        BY_THREAD.thread(&label).inc_by(2);
        add(format!("by_thread_total{{thread=\"{label}\"}}"), 3.0);
        let (size, text) = if random.below(2) == 0 { (Size::Small, "small") } else { (Size::Large, "large") };
        BY_SIZE.size(size).inc();
        add(format!("by_size_total{{kind=\"plain\",size=\"{text}\"}}"), 1.0);
        random.pause();
        let time = [0.5, 1.5, 4.0][usize::try_from(random.below(3)).unwrap_or_default()];
        TIMES.observe(time);
        for bound in [1.0, 2.0].into_iter().filter(|bound| time <= *bound) {
            add(format!("times_bucket{{le=\"{bound:?}\"}}"), 1.0);
        }
        add("times_bucket{le=\"+Inf\"}".to_owned(), 1.0);
        add("times_count".to_owned(), 1.0);
        add("times_sum".to_owned(), time);
        SIZES.observe(time);
        add("sizes_count".to_owned(), 1.0);
        add("sizes_sum".to_owned(), time);
        random.pause();
        SHARED.inc_by(3);
        SHARED.dec();
        add("shared".to_owned(), 2.0);
        OWN.inc();
        add("own".to_owned(), 1.0);
        {
            let _busy = BUSY.track_inprogress();
            random.pause();
        }
        add("busy".to_owned(), 0.0);
        // What is set last shows.
        kept_gauge.set(number);
        kept_gauge.inc();
        done.insert(format!("set{{thread=\"{label}\"}}"), number + 1.0);
        SET_OWN.thread(&label).set(number);
        SET_OWN.thread(&label).dec();
        done.insert(format!("set_own{{thread=\"{label}\"}}"), number - 1.0);
        STATE.thread(&label).set(size);
        for (state, name) in [(0, "small"), (1, "large")] {
            let is_up = f64::from(u8::from(state == size as u8));
            done.insert(format!("state{{thread=\"{label}\",state=\"{name}\"}}"), is_up);
        }
        AGAIN.thread(&label).inc();
        *done.entry(format!("again_total{{thread=\"{label}\"}}")).or_default() += 1.0;
        if random.below(32) == 0 {
            assert!(AGAIN.thread(&label).remove());
            AGAIN.thread(&label).inc();
            done.insert(format!("again_total{{thread=\"{label}\"}}"), 1.0);
        }
    }
    done
}

/// Adds up what threads have done.
fn add_up(all: &mut Samples, done: Samples) {
    for (name, amount) in done {
        *all.entry(name).or_default() += amount;
    }
}

fn scrape() -> Samples {
    let mut samples = samples_of_text(&generate_metrics().expect("it never fails"));
    samples.retain(|name, _| !name.starts_with("pytheus_"));
    samples
}

/// Nothing goes down or goes away, but for gauges and what is removed.
fn never_down(before: &Samples, now: &Samples) {
    let counts = |name: &str| {
        ["whole", "parts", "by_thread", "by_size", "times", "sizes"].iter().any(|prefix| name.starts_with(prefix))
    };
    for (name, before) in before.iter().filter(|(name, _)| counts(name)) {
        let now = now.get(name);
        assert!(now.is_some_and(|now| now >= before), "{name}: {now:?} after {before}");
    }
}

fn round(number: u64) {
    let seed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // In every third round most threads borrow what they count in.
    set_thread_limit(if number.is_multiple_of(3) { 4 } else { 1024 });
    let memory = Arc::new(Memory::default());
    let (loaded, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut expected = Samples::new();
    thread::scope(|scope| {
        let (loaded, over) = (&loaded, &over);
        let scraper = scope.spawn(move || {
            let mut before = scrape();
            while !over.load(Acquire) {
                let now = scrape();
                never_down(&before, &now);
                before = now;
            }
        });
        let counters: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut random = Random(seed ^ (thread as u64 + 1));
                    random.pause();
                    // Every fourth leaves its work to threads that begin and end all the time.
                    if thread % 4 != 0 {
                        return count(thread, &mut random, loaded);
                    }
                    let mut done = Samples::new();
                    while !loaded.load(Relaxed) || done.is_empty() {
                        let short = thread::scope(|scope| {
                            let begun = scope.spawn(|| {
                                WHOLE.inc();
                                TIMES.observe(0.5);
                            });
                            begun.join()
                        });
                        short.expect("no thread panics");
                        let names = [
                            "whole_total",
                            "times_bucket{le=\"1.0\"}",
                            "times_bucket{le=\"2.0\"}",
                            "times_bucket{le=\"+Inf\"}",
                        ];
                        let observed = [("times_count", 1.0), ("times_sum", 0.5)];
                        for (name, amount) in names.map(|name| (name, 1.0)).into_iter().chain(observed) {
                            *done.entry(name.to_owned()).or_default() += amount;
                        }
                    }
                    done
                })
            })
            .collect();
        let mut random = Random(seed);
        for _ in 0..random.below(200) {
            thread::yield_now();
        }
        load_backend(BackendSpec::instance(Arc::new(InMemory(Arc::clone(&memory))))).expect("there is room");
        loaded.store(true, Release);
        for counter in counters {
            add_up(&mut expected, counter.join().expect("no thread panics"));
        }
        over.store(true, Release);
        scraper.join().expect("no scrape goes down");
    });
    // Closed sets show from the start.
    for size in ["small", "large"] {
        expected.entry(format!("by_size_total{{kind=\"plain\",size=\"{size}\"}}")).or_default();
    }
    let shown = scrape();
    assert_eq!(difference(&expected, &shown), "", "a scrape of round {number}");
    memory.notes(|notes| {
        assert_eq!(difference(&expected, &notes.samples()), "", "the pages of round {number}");
        assert_eq!(notes.wrong, [""; 0], "round {number}");
    });
}

#[test]
fn all_that_threads_count_while_a_backend_is_loaded_is_there_once() {
    if let Ok(number) = env::var(ROUND) {
        return round(number.parse().expect("a number"));
    }
    for number in 0..ROUNDS {
        let mut command = rerun("all_that_threads_count_while_a_backend_is_loaded_is_there_once");
        command.env(ROUND, number.to_string());
        let output = command.output().expect("the test runs again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
