//! Contestants side by side: many short rounds, everyone in each round, so that what disturbs one disturbs all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cores::{self, Allowed};
use crate::peer::{Peer, Work};
use crate::peers;

/// What a contestant stands for in the ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This library.
    Ours,
    /// Another library.
    Peer,
    /// What the hardware allows.
    Limit,
    /// Shown, but in no ratio.
    Aside,
}

pub struct Contestant {
    pub name: &'static str,
    pub kind: Kind,
    work: Arc<Work>,
    /// Divides the time of one operation: series per scrape.
    per: f64,
}

impl Contestant {
    pub fn new(name: &'static str, kind: Kind, work: Work) -> Self {
        Self { name, kind, work: Arc::new(work), per: 1.0 }
    }

    pub fn per(mut self, parts: usize) -> Self {
        self.per = parts as f64;
        self
    }

    /// Every library that has something to show.
    pub fn libraries(mut show: impl FnMut(&dyn Peer) -> Option<Work>) -> Vec<Self> {
        peers::with_kinds().filter_map(|(peer, kind)| Some(Self::new(peer.name(), kind, show(peer)?))).collect()
    }
}

/// Nanoseconds, or bytes.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    pub median: f64,
    pub min: f64,
    /// The machine was too busy to say: hardly a round went by without another process on the core.
    pub disturbed: bool,
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub rounds: usize,
    pub round: Duration,
}

/// How many times the rounds may be for enough of them to be undisturbed.
const PATIENCE: usize = 3;

/// So many undisturbed rounds say what they cost, however many others there were.
const ENOUGH: usize = 9;

/// Threads that wait for work.
pub struct Crew {
    hands: Vec<(Sender<Job>, JoinHandle<()>)>,
    done: Receiver<Turn>,
    cores: usize,
}

struct Job {
    work: Arc<Work>,
    times: u64,
    start: Arc<Start>,
    /// The core, when there are several threads; one alone goes where there is room.
    place: Option<usize>,
}

/// What a thread has done.
struct Turn {
    started: Instant,
    stopped: Instant,
    preempted: bool,
}

/// Lets threads begin together.
struct Start {
    barrier: Barrier,
    awake: AtomicUsize,
    threads: usize,
    spin: bool,
}

impl Start {
    fn wait(&self) {
        self.barrier.wait();
        // The barrier wakes one after the other; where each has a core, they can wait for the last one awake.
        self.awake.fetch_add(1, Ordering::AcqRel);
        while self.spin && self.awake.load(Ordering::Acquire) < self.threads {
            std::hint::spin_loop();
        }
    }
}

impl Crew {
    pub fn new(threads: usize) -> Self {
        let (report, done) = channel();
        let allowed = Allowed::read();
        let hands = (0..threads).map(|_| {
            let (sender, jobs) = channel::<Job>();
            let report = report.clone();
            let hand = thread::spawn(move || {
                for job in jobs {
                    cores::keep_on(&allowed, job.place);
                    let before = cores::preemptions();
                    job.start.wait();
                    let started = Instant::now();
                    (job.work)(job.times);
                    let stopped = Instant::now();
                    let preempted = cores::preemptions() != before;
                    // Whoever goes on next may want the memory back.
                    drop(job);
                    if report.send(Turn { started, stopped, preempted }).is_err() {
                        return;
                    }
                }
            });
            (sender, hand)
        });
        Self { hands: hands.collect(), done, cores: cores::count() }
    }

    /// How many threads of `threads` can run at a time.
    fn at_a_time(&self, threads: usize) -> usize {
        threads.min(self.cores)
    }

    /// The time that `threads` threads take for `times` operations each, and whether someone else took a core meanwhile.
    fn run(&self, work: &Arc<Work>, threads: usize, times: u64) -> (Duration, bool) {
        let start = Arc::new(Start {
            barrier: Barrier::new(threads),
            awake: AtomicUsize::new(0),
            threads,
            spin: threads <= self.cores,
        });
        for (i, (sender, _)) in self.hands[..threads].iter().enumerate() {
            let place = (threads > 1).then_some(i);
            let job = Job { work: Arc::clone(work), times, start: Arc::clone(&start), place };
            sender.send(job).expect("the threads of the crew wait for work");
        }
        let turns: Vec<_> = self.done.iter().take(threads).collect();
        let first = turns.iter().map(|turn| turn.started).min();
        let last = turns.iter().map(|turn| turn.stopped).max();
        let took = first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first);
        // With more threads than cores they take turns, which says nothing.
        (took, threads <= self.cores && turns.iter().any(|turn| turn.preempted))
    }

    /// How many operations make a round.
    pub fn times(&self, work: &Arc<Work>, threads: usize, round: Duration) -> u64 {
        let turns = threads as f64 / self.at_a_time(threads) as f64;
        let goal = round.as_secs_f64() * turns;
        let mut times = 1;
        loop {
            // The least of three: one that was held up would make the rounds too short.
            let took = (0..3).map(|_| self.run(work, threads, times).0.as_secs_f64()).fold(f64::MAX, f64::min);
            if took >= goal / 4.0 {
                return ((times as f64 * goal / took) as u64).max(1);
            }
            times *= if took < goal / 64.0 { 8 } else { 2 };
        }
    }

    /// Nanoseconds of a core that an operation takes, when so many threads do it so many times.
    pub fn round(&self, work: &Arc<Work>, threads: usize, times: u64) -> Round {
        let (took, disturbed) = self.run(work, threads, times);
        let operations = times as f64 * threads as f64 / self.at_a_time(threads) as f64;
        Round { cost: took.as_secs_f64() * 1e9 / operations, disturbed }
    }

    /// Nanoseconds of a core that each contestant takes for one operation.
    pub fn race(&self, pace: Pace, threads: usize, contestants: &[Contestant]) -> Vec<Figure> {
        let times: Vec<_> = contestants.iter().map(|c| self.times(&c.work, threads, pace.round)).collect();
        in_turn(pace.rounds, contestants.len(), |contestant| {
            let Contestant { work, per, .. } = &contestants[contestant];
            let round = self.round(work, threads, times[contestant]);
            Round { cost: round.cost / per, ..round }
        })
    }
}

/// What an operation cost in one round.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    pub cost: f64,
    /// Did someone else take a core meanwhile?
    pub disturbed: bool,
}

/// So many undisturbed rounds of each contestant, or as many as patience gives; all of them in turn.
pub fn in_turn(rounds: usize, contestants: usize, mut round_of: impl FnMut(usize) -> Round) -> Vec<Figure> {
    let mut all: Vec<_> = (0..contestants).map(|_| Rounds::default()).collect();
    for round in 0..rounds * PATIENCE {
        if round >= rounds && all.iter().all(|taken| taken.calm.len() >= rounds) {
            break;
        }
        for (contestant, taken) in all.iter_mut().enumerate() {
            let Round { cost, disturbed } = round_of(contestant);
            if disturbed { &mut taken.disturbed } else { &mut taken.calm }.push(cost);
        }
    }
    all.into_iter().map(Rounds::figure).collect()
}

impl Drop for Crew {
    fn drop(&mut self) {
        for (sender, hand) in self.hands.drain(..) {
            drop(sender);
            // A thread that panicked has said so.
            let _ = hand.join();
        }
    }
}

/// The cost of an operation in each round.
#[derive(Default)]
struct Rounds {
    calm: Vec<f64>,
    disturbed: Vec<f64>,
}

impl Rounds {
    /// Of the undisturbed rounds, unless they are too few: threads that wait for a core don't contend, so that a busy
    /// machine makes contention look cheap.
    fn figure(self) -> Figure {
        let Self { calm: mut taken, disturbed } = self;
        let busy = taken.len() < ENOUGH.min(disturbed.len() / 4);
        if busy {
            taken.extend(disturbed);
        }
        taken.sort_by(f64::total_cmp);
        let middle = taken.len() / 2;
        let median = if taken.len() % 2 == 1 { taken[middle] } else { f64::midpoint(taken[middle - 1], taken[middle]) };
        Figure { median, min: taken[0], disturbed: busy }
    }
}
