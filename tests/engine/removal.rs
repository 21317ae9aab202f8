//! A removed series starts again at zero, for every thread and every handle, and no other series changes.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc;
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use pytheus::metrics::{Counter, Family, Gauge, Histogram, InProgress, Metric};
use pytheus::registry::CollectorRegistry;
use support::scrapes::{Samples, ScrapeOracle, difference, samples, while_scraping};

const SERIES: u8 = 4;
/// Every observation: above the first bound.
const TIME: f64 = 8.0;
const BOUND: f64 = 1.0;

/// A family, and a kept handle of each series.
struct Kept<M: Metric> {
    family: Family<M>,
    handles: [Option<M>; SERIES as usize],
}

impl<M: Metric> Kept<M> {
    fn new(family: Family<M>) -> Self {
        Self { family, handles: Default::default() }
    }

    /// Returns the series, by the kept handle or by its labels.
    fn get(&mut self, n: u8, keep: bool) -> M {
        let look_up = || self.family.labels([("n", n)]).expect("the label is right");
        if keep { self.handles[usize::from(n)].get_or_insert_with(look_up).clone() } else { look_up() }
    }

    fn handle(&self, n: u8) -> Option<&M> {
        self.handles[usize::from(n)].as_ref()
    }
}

struct Metrics {
    counts: Kept<Counter>,
    gauges: Kept<Gauge>,
    times: Kept<Histogram>,
}

impl Metrics {
    fn new(registry: &CollectorRegistry) -> Self {
        let counts = Counter::builder("counts", "C.").label_names(["n"]).registry(registry).build();
        let gauges = Gauge::builder("gauges", "G.").label_names(["n"]).registry(registry).build();
        let times = Histogram::builder("times", "T.").label_names(["n"]).buckets([BOUND]).registry(registry).build();
        Self {
            counts: Kept::new(counts.expect("the name is free")),
            gauges: Kept::new(gauges.expect("the name is free")),
            times: Kept::new(times.expect("the name is free")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Counts,
    Gauges,
    Times,
}

#[derive(Debug, Clone, Copy)]
enum By {
    Name,
    Handle,
    Retain,
    Clear,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    /// By a kept handle, if the last field is true.
    Inc(u8, u16, bool),
    /// A refused update changes nothing.
    IncNegative(u8),
    Set(u8, i16, bool),
    Observe(u8, bool),
    Start(u8, bool),
    End,
    /// Drops the kept handles.
    Forget(u8),
    /// Reads, which brings no series back.
    Read(u8),
    Remove(Kind, u8, By),
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Counts, Kind::Gauges, Kind::Times])
}

fn by() -> impl Strategy<Value = By> {
    prop::sample::select(vec![By::Name, By::Handle, By::Retain, By::Clear])
}

fn op() -> impl Strategy<Value = Op> {
    let (n, keep) = (0..SERIES, any::<bool>());
    prop_oneof![
        (n.clone(), any::<u16>(), keep).prop_map(|(n, amount, keep)| Op::Inc(n, amount, keep)),
        n.clone().prop_map(Op::IncNegative),
        (n.clone(), any::<i16>(), keep).prop_map(|(n, value, keep)| Op::Set(n, value, keep)),
        (n.clone(), keep).prop_map(|(n, keep)| Op::Observe(n, keep)),
        (n.clone(), keep).prop_map(|(n, keep)| Op::Start(n, keep)),
        Just(Op::End),
        n.clone().prop_map(Op::Forget),
        n.clone().prop_map(Op::Read),
        (kind(), n, by()).prop_map(|(kind, n, by)| Op::Remove(kind, n, by)),
    ]
}

/// The series, each with its value and a number of its own: a series that comes back has another number.
#[derive(Default)]
struct Model {
    series: BTreeMap<(Kind, u8), (f64, u64)>,
    lives: u64,
}

impl Model {
    fn at(&mut self, kind: Kind, n: u8) -> &mut (f64, u64) {
        self.lives += 1;
        self.series.entry((kind, n)).or_insert((0.0, self.lives))
    }

    fn value(&self, kind: Kind, n: u8) -> f64 {
        self.series.get(&(kind, n)).map_or(0.0, |(value, _)| *value)
    }

    fn samples(&self) -> Samples {
        let mut samples = Samples::new();
        for ((kind, n), (value, _)) in &self.series {
            match kind {
                Kind::Counts => drop(samples.insert(format!("counts{{n=\"{n}\"}}"), *value)),
                Kind::Gauges => drop(samples.insert(format!("gauges{{n=\"{n}\"}}"), *value)),
                // The number of observations.
                Kind::Times => samples.extend([
                    (format!("times_bucket{{n=\"{n}\",le=\"1.0\"}}"), 0.0),
                    (format!("times_bucket{{n=\"{n}\",le=\"+Inf\"}}"), *value),
                    (format!("times_sum{{n=\"{n}\"}}"), *value * TIME),
                    (format!("times_count{{n=\"{n}\"}}"), *value),
                ]),
            }
        }
        samples
    }
}

/// Removes a series, or several with `retain` and `clear`, from the metrics and the model alike.
macro_rules! remove {
    ($metrics:expr, $model:expr, $kind:expr, $n:expr, $by:expr) => {{
        let (metrics, model, n) = (&$metrics, &mut $model, $n);
        let there = model.series.remove(&($kind, n));
        match $by {
            By::Name => {
                let removed = metrics.family.remove([("n", n)]).expect("the label is right");
                prop_assert_eq!(removed, there.is_some());
            }
            By::Handle => match metrics.handle(n) {
                Some(handle) => prop_assert_eq!(handle.remove(), there.is_some()),
                // Without a handle, the series stays.
                None => drop(there.map(|there| model.series.insert(($kind, n), there))),
            },
            By::Retain => {
                metrics.family.retain(|labels| labels.get("n") < Some(n.to_string().as_str()));
                model.series.retain(|(kind, other), _| *kind != $kind || *other < n);
            }
            By::Clear => {
                metrics.family.clear();
                model.series.retain(|(kind, _), _| *kind != $kind);
            }
        }
    }};
}

fn remove(metrics: &Metrics, model: &mut Model, kind: Kind, n: u8, by: By) -> Result<(), TestCaseError> {
    match kind {
        Kind::Counts => remove!(metrics.counts, *model, kind, n, by),
        Kind::Gauges => remove!(metrics.gauges, *model, kind, n, by),
        Kind::Times => remove!(metrics.times, *model, kind, n, by),
    }
    Ok(())
}

/// Applies an operation to the metrics and to the model.
fn act(
    op: Op,
    metrics: &mut Metrics,
    guards: &mut Vec<(InProgress, u8, u64)>,
    model: &mut Model,
) -> Result<(), TestCaseError> {
    match op {
        Op::Inc(n, amount, keep) => {
            metrics.counts.get(n, keep).inc_by(amount);
            model.at(Kind::Counts, n).0 += f64::from(amount);
        }
        Op::IncNegative(n) => {
            if let Some(handle) = metrics.counts.handle(n) {
                handle.inc_by(-1.0);
            }
        }
        Op::Set(n, value, keep) => {
            metrics.gauges.get(n, keep).set(value);
            model.at(Kind::Gauges, n).0 = f64::from(value);
        }
        Op::Observe(n, keep) => {
            metrics.times.get(n, keep).observe(TIME);
            model.at(Kind::Times, n).0 += 1.0;
        }
        Op::Start(n, keep) => {
            let series = model.at(Kind::Gauges, n);
            series.0 += 1.0;
            guards.push((metrics.gauges.get(n, keep).track_inprogress(), n, series.1));
        }
        Op::End => {
            if let Some((guard, n, life)) = guards.pop() {
                drop(guard);
                if let Some(series) = model.series.get_mut(&(Kind::Gauges, n)).filter(|series| series.1 == life) {
                    series.0 -= 1.0;
                }
            }
        }
        Op::Forget(n) => {
            metrics.counts.handles[usize::from(n)] = None;
            metrics.gauges.handles[usize::from(n)] = None;
            metrics.times.handles[usize::from(n)] = None;
        }
        Op::Read(n) => {
            let counted = metrics.counts.handle(n).map(Counter::get);
            let set = metrics.gauges.handle(n).map(Gauge::get);
            let seen = metrics.times.handle(n).map(|times| (times.count() as f64, times.sum() / TIME));
            prop_assert_eq!(counted.unwrap_or(model.value(Kind::Counts, n)), model.value(Kind::Counts, n));
            prop_assert_eq!(set.unwrap_or(model.value(Kind::Gauges, n)), model.value(Kind::Gauges, n));
            let observations = model.value(Kind::Times, n);
            prop_assert_eq!(seen.unwrap_or((observations, observations)), (observations, observations));
        }
        Op::Remove(kind, n, by) => remove(metrics, model, kind, n, by)?,
    }
    Ok(())
}

/// The work of the threads until all are paused, how often they repeat it, and the removals afterwards.
#[derive(Clone)]
struct Phase(Vec<Vec<(u8, bool)>>, u32, Vec<(Kind, u8, By)>);

/// One line, in place of one per word.
impl fmt::Debug for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} times {:?}, then remove {:?}", self.1, self.0, self.2)
    }
}

fn phase() -> impl Strategy<Value = Phase> {
    let counting = vec(vec((0..SERIES, any::<bool>()), 0..10), THREADS);
    let removals = vec((prop::sample::select(vec![Kind::Counts, Kind::Times]), 0..SERIES, by()), 0..4);
    (counting, 1..100_u32, removals).prop_map(|(counting, rounds, removals)| Phase(counting, rounds, removals))
}

const THREADS: usize = 3;

/// Counts in the series of each pair, by name or by a handle kept over all phases.
fn count(work: &[(u8, bool)], rounds: u32, counts: &mut Kept<Counter>, times: &mut Kept<Histogram>) {
    for (n, keep) in (0..rounds).flat_map(|_| work) {
        counts.get(*n, *keep).inc();
        times.get(*n, *keep).observe(TIME);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn updates_and_removals_match_the_model(ops in vec(op(), 0..80)) {
        let registry = CollectorRegistry::new();
        let mut metrics = Metrics::new(&registry);
        let (mut model, mut guards) = (Model::default(), Vec::new());
        for (number, op) in ops.into_iter().enumerate() {
            act(op, &mut metrics, &mut guards, &mut model)?;
            let wrong = difference(&model.samples(), &samples(&registry));
            prop_assert!(wrong.is_empty(), "after number {}, {:?}: {}", number, op, wrong);
        }
    }

    #[test]
    fn counts_since_the_last_removal_match_the_model(phases in vec(phase(), 1..8)) {
        let registry = CollectorRegistry::new();
        let mut metrics = Metrics::new(&registry);
        for n in 0..SERIES {
            metrics.counts.get(n, true);
            metrics.times.get(n, true);
        }
        // The counts since each series was made or removed.
        let mut model = Model::default();
        model.series.extend((0..SERIES).flat_map(|n| [((Kind::Counts, n), (0.0, 0)), ((Kind::Times, n), (0.0, 0))]));
        let mut result = Ok(());
        let oracle = ScrapeOracle::new(&registry).volatile("counts").volatile("times").whole("times", &[0.0, TIME]);
        let scrapes = while_scraping(&mut [oracle], || thread::scope(|scope| {
            // Each worker keeps its own handles; it pauses after its part of a phase.
            let workers: Vec<_> = (0..THREADS).map(|_| {
                let (mut counts, mut times) =
                    (Kept::new(metrics.counts.family.clone()), Kept::new(metrics.times.family.clone()));
                let (tell, told) = mpsc::channel::<(Vec<(u8, bool)>, u32)>();
                let (pause, paused) = mpsc::channel();
                scope.spawn(move || {
                    for (work, rounds) in told {
                        count(&work, rounds, &mut counts, &mut times);
                        pause.send(()).expect("the pause is waited for");
                    }
                });
                (tell, paused)
            }).collect();
            result = (|| {
                for (number, Phase(work, rounds, removals)) in phases.iter().enumerate() {
                    for ((tell, _), work) in workers.iter().zip(work) {
                        tell.send((work.clone(), *rounds)).expect("it waits for work");
                    }
                    for (_, paused) in &workers {
                        paused.recv().expect("no thread panics");
                    }
                    for (n, _) in work.iter().flatten() {
                        model.at(Kind::Counts, *n).0 += f64::from(*rounds);
                        model.at(Kind::Times, *n).0 += f64::from(*rounds);
                    }
                    let wrong = difference(&model.samples(), &samples(&registry));
                    prop_assert!(wrong.is_empty(), "after phase {}: {}", number, wrong);
                    for (kind, n, by) in removals {
                        remove(&metrics, &mut model, *kind, *n, *by)?;
                    }
                    let wrong = difference(&model.samples(), &samples(&registry));
                    prop_assert!(wrong.is_empty(), "after the removals of phase {}: {}", number, wrong);
                }
                Ok(())
            })();
        }));
        result?;
        prop_assert!(scrapes.is_ok(), "{}", scrapes.unwrap_err());
    }
}
