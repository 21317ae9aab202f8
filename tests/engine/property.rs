//! Any program of counting threads gives the totals of the same program without threads, and every scrape meanwhile is
//! whole and never goes down.

use std::collections::VecDeque;
use std::sync::{Barrier, Mutex};
use std::thread::{self, Scope};
use std::{env, fmt};

use proptest::collection::vec;
use proptest::prelude::*;
use pytheus::metrics::{Counter, Family, Gauge, Histogram, InProgress, Metric, Summary};
use pytheus::registry::CollectorRegistry;
use support::scrapes::{Samples, ScrapeOracle, difference, samples, while_scraping};

/// Upper bounds, and one value for each bucket: sums of them are exact in any order.
const BOUNDS: [f64; 3] = [0.5, 2.0, 16.0];
const VALUES: [f64; 4] = [0.25, 2.0, 3.5, 1024.0];
/// Every observation of some metrics: their count tells the sum.
const ALIKE: [f64; 4] = [4.0; 4];
/// Labelled series per family; the last thing to be counted in is a call site that is all literals.
const SERIES: u8 = 4;

static STATICS: CollectorRegistry = CollectorRegistry::new();

/// A metric of each kind, without labels and with one.
mod counts {
    pytheus::metric! {
        /// C.
        pub static PLAIN: Counter = "static_counts" { registry: super::STATICS };
        /// C.
        pub static BY_N: Counter = "static_counts_by_n" { labels: { n }, registry: super::STATICS };
    }
}
mod gauges {
    pytheus::metric! {
        /// G.
        pub static PLAIN: Gauge = "static_gauges" { registry: super::STATICS };
        /// G.
        pub static BY_N: Gauge = "static_gauges_by_n" { labels: { n }, registry: super::STATICS };
    }
}
mod times {
    use super::BOUNDS;
    pytheus::metric! {
        /// H.
        pub static PLAIN: Histogram = "static_times" { buckets: BOUNDS, registry: super::STATICS };
        /// H.
        pub static BY_N: Histogram = "static_times_by_n" { labels: { n }, buckets: BOUNDS, registry: super::STATICS };
    }
}
mod alike {
    use super::BOUNDS;
    pytheus::metric! {
        /// H.
        pub static PLAIN: Histogram = "static_alike" { buckets: BOUNDS, registry: super::STATICS };
        /// H.
        pub static BY_N: Histogram = "static_alike_by_n" { labels: { n }, buckets: BOUNDS, registry: super::STATICS };
    }
}
mod sizes {
    pytheus::metric! {
        /// S.
        pub static PLAIN: Summary = "static_sizes" { registry: super::STATICS };
        /// S.
        pub static BY_N: Summary = "static_sizes_by_n" { labels: { n }, registry: super::STATICS };
    }
}

/// A series, and the way to it.
#[derive(Debug, Clone, Copy)]
enum Route {
    Static,
    StaticSeries(u8),
    Literal,
    Built,
    Series(u8),
    Kept(u8),
}

#[derive(Debug, Clone)]
enum Op {
    Inc(Route),
    IncWhole(Route, u32),
    /// In 1024ths.
    IncFraction(Route, u32),
    /// In 1024ths, up or down.
    Move(Route, i32),
    Observe(Route, usize),
    ObserveAlike(Route),
    Summarize(Route),
    /// Starts a guard.
    Start(Route),
    /// Ends the oldest guard of this thread.
    End,
    /// Gives the newest guard of this thread away, to be dropped by another.
    Hand,
    /// Starts another thread, and waits for it or goes on beside it.
    Spawn(Vec<Op>, bool),
}

/// The operations of each thread, and how often it repeats them.
#[derive(Clone)]
struct Program(Vec<(Vec<Op>, u32)>);

/// One line per thread, in route of one per word.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(ops, rounds)| write!(f, "\n    {rounds} times {ops:?}"))
    }
}

fn route() -> impl Strategy<Value = Route> {
    prop_oneof![
        Just(Route::Static),
        (0..SERIES).prop_map(Route::StaticSeries),
        Just(Route::Literal),
        Just(Route::Built),
        (0..SERIES).prop_map(Route::Series),
        (0..SERIES).prop_map(Route::Kept),
    ]
}

fn simple_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        route().prop_map(Op::Inc),
        (route(), any::<u16>()).prop_map(|(route, n)| Op::IncWhole(route, n.into())),
        (route(), any::<u16>()).prop_map(|(route, n)| Op::IncFraction(route, n.into())),
        (route(), any::<i16>()).prop_map(|(route, n)| Op::Move(route, n.into())),
        (route(), 0..VALUES.len()).prop_map(|(route, value)| Op::Observe(route, value)),
        route().prop_map(Op::ObserveAlike),
        route().prop_map(Op::Summarize),
        route().prop_map(Op::Start),
        Just(Op::End),
        Just(Op::Hand),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    let spawn = (vec(simple_op(), 0..8), any::<bool>()).prop_map(|(ops, wait)| Op::Spawn(ops, wait));
    let few_threads = (vec(prop_oneof![4 => simple_op(), 1 => spawn], 0..20), 1..10_u32);
    let many_rounds = (vec(simple_op(), 1..40), 1..200_u32);
    vec(prop_oneof![few_threads, many_rounds], 1..5).prop_map(Program)
}

/// A metric built at run time, a family of it, and handles of its series.
#[derive(Clone)]
struct Built<M: Metric> {
    plain: M,
    by_n: Family<M>,
    kept: Vec<M>,
}

impl<M: Metric> Built<M> {
    fn new(plain: M, by_n: Family<M>) -> Self {
        let kept = (0..SERIES).map(|n| by_n.labels([("n", n)]).expect("the label is right")).collect();
        Self { plain, by_n, kept }
    }
}

/// Each thread has its own clone.
#[derive(Clone)]
struct Metrics {
    counts: Built<Counter>,
    gauges: Built<Gauge>,
    times: Built<Histogram>,
    alike: Built<Histogram>,
    sizes: Built<Summary>,
}

macro_rules! built {
    ($registry:ident, $metric:ident, $name:literal $(, $buckets:ident)?) => {
        Built::new(
            $metric::builder($name, "B.")$(.buckets($buckets))?.registry($registry).build().expect("the name is free"),
            $metric::builder(concat!($name, "_by_n"), "B.")
                .label_names(["n"])$(.buckets($buckets))?.registry($registry).build().expect("the name is free"),
        )
    };
}

impl Metrics {
    fn new(registry: &CollectorRegistry) -> Self {
        Self {
            counts: built!(registry, Counter, "counts"),
            gauges: built!(registry, Gauge, "gauges"),
            times: built!(registry, Histogram, "times", BOUNDS),
            alike: built!(registry, Histogram, "alike", BOUNDS),
            sizes: built!(registry, Summary, "sizes"),
        }
    }
}

/// Acts on the metric of a kind at a route, by the way that the route names.
macro_rules! at {
    ($metrics:ident.$kind:ident, $route:expr, $metric:ident => $act:expr) => {{
        macro_rules! act {
            ($way:expr) => {{
                let $metric = &$way;
                $act
            }};
        }
        match $route {
            Route::Static => act!($kind::PLAIN),
            Route::StaticSeries(n) => act!($kind::BY_N.n(n)),
            Route::Literal => act!($kind::BY_N.n("literal")),
            Route::Built => act!($metrics.$kind.plain),
            Route::Series(n) => act!($metrics.$kind.by_n.labels([("n", n)]).expect("the label is right")),
            Route::Kept(n) => act!($metrics.$kind.kept[usize::from(n)]),
        }
    }};
}

/// Guards given away by their threads.
type Handed = Mutex<Vec<InProgress>>;

fn run<'scope>(
    (ops, rounds): (&'scope [Op], u32),
    metrics: &Metrics,
    handed: &'scope Handed,
    scope: &'scope Scope<'scope, '_>,
) {
    let mut guards = VecDeque::new();
    for op in (0..rounds).flat_map(|_| ops) {
        match *op {
            Op::Inc(route) => at!(metrics.counts, route, counter => counter.inc()),
            Op::IncWhole(route, n) => at!(metrics.counts, route, counter => counter.inc_by(n)),
            Op::IncFraction(route, n) => at!(metrics.counts, route, counter => counter.inc_by(f64::from(n) / 1024.0)),
            Op::Move(route, n) if n < 0 => at!(metrics.gauges, route, gauge => gauge.dec_by(f64::from(-n) / 1024.0)),
            Op::Move(route, n) => at!(metrics.gauges, route, gauge => gauge.inc_by(f64::from(n) / 1024.0)),
            Op::Observe(route, value) => at!(metrics.times, route, times => times.observe(VALUES[value])),
            Op::ObserveAlike(route) => at!(metrics.alike, route, alike => alike.observe(ALIKE[0])),
            Op::Summarize(route) => at!(metrics.sizes, route, sizes => sizes.observe(ALIKE[0])),
            Op::Start(route) => guards.push_back(at!(metrics.gauges, route, gauge => gauge.track_inprogress())),
            Op::End => drop(guards.pop_front()),
            Op::Hand => handed.lock().expect("nobody panics").extend(guards.pop_back()),
            Op::Spawn(ref ops, wait) => {
                let metrics = metrics.clone();
                let thread = scope.spawn(move || run((ops, 1), &metrics, handed, scope));
                if wait {
                    thread.join().expect("no thread panics");
                }
            }
        }
    }
}

/// The same, one thing after the other.
#[derive(Default)]
struct Model {
    samples: Samples,
    handed: Vec<Route>,
}

impl Model {
    fn run(&mut self, ops: &[Op], rounds: u32) {
        let mut guards = VecDeque::new();
        for op in (0..rounds).flat_map(|_| ops) {
            match *op {
                Op::Inc(route) => self.add("counts", route, 1.0),
                Op::IncWhole(route, n) => self.add("counts", route, n.into()),
                Op::IncFraction(route, n) => self.add("counts", route, f64::from(n) / 1024.0),
                Op::Move(route, n) => self.add("gauges", route, f64::from(n) / 1024.0),
                Op::Observe(route, value) => self.observe("times", route, VALUES[value]),
                Op::ObserveAlike(route) => self.observe("alike", route, ALIKE[0]),
                Op::Summarize(route) => {
                    let (family, labels) = series("sizes", route);
                    self.add_to(format!("{family}_sum{labels}"), ALIKE[0]);
                    self.add_to(format!("{family}_count{labels}"), 1.0);
                }
                Op::Start(route) => {
                    self.add("gauges", route, 1.0);
                    guards.push_back(route);
                }
                Op::End => {
                    if let Some(route) = guards.pop_front() {
                        self.add("gauges", route, -1.0);
                    }
                }
                Op::Hand => self.handed.extend(guards.pop_back()),
                Op::Spawn(ref ops, _) => self.run(ops, 1),
            }
        }
        for route in guards {
            self.add("gauges", route, -1.0);
        }
    }

    fn end_handed(&mut self) {
        for route in std::mem::take(&mut self.handed) {
            self.add("gauges", route, -1.0);
        }
    }

    fn add(&mut self, metric: &str, route: Route, amount: f64) {
        let (family, labels) = series(metric, route);
        self.add_to(format!("{family}{labels}"), amount);
    }

    fn observe(&mut self, metric: &str, route: Route, value: f64) {
        let (family, labels) = series(metric, route);
        for bound in BOUNDS.into_iter().chain([f64::INFINITY]) {
            let le = if bound.is_finite() { format!("le=\"{bound:?}\"") } else { "le=\"+Inf\"".to_owned() };
            let labels = match labels.strip_suffix('}') {
                Some(labels) => format!("{labels},{le}}}"),
                None => format!("{{{le}}}"),
            };
            self.add_to(format!("{family}_bucket{labels}"), if value <= bound { 1.0 } else { 0.0 });
        }
        self.add_to(format!("{family}_sum{labels}"), value);
        self.add_to(format!("{family}_count{labels}"), 1.0);
    }

    fn add_to(&mut self, sample: String, amount: f64) {
        *self.samples.entry(sample).or_default() += amount;
    }
}

/// The family of a route, and its labels as the text shows them.
fn series(metric: &str, route: Route) -> (String, String) {
    let by_n = |prefix: &str, n: &dyn fmt::Display| (format!("{prefix}{metric}_by_n"), format!("{{n=\"{n}\"}}"));
    match route {
        Route::Static => (format!("static_{metric}"), String::new()),
        Route::StaticSeries(n) => by_n("static_", &n),
        Route::Literal => by_n("static_", &"literal"),
        Route::Built => (metric.to_owned(), String::new()),
        Route::Series(n) | Route::Kept(n) => by_n("", &n),
    }
}

/// Returns the oracle for scrapes of these metrics.
fn oracle(registry: &CollectorRegistry) -> ScrapeOracle<'_> {
    let times = ["static_times", "static_times_by_n", "times", "times_by_n"];
    let alike = ["static_alike", "static_alike_by_n", "alike", "alike_by_n"];
    let sizes = ["static_sizes", "static_sizes_by_n", "sizes", "sizes_by_n"];
    let oracle = times.into_iter().fold(ScrapeOracle::new(registry), |oracle, name| oracle.whole(name, &VALUES));
    alike.into_iter().chain(sizes).fold(oracle, |oracle, name| oracle.whole(name, &ALIKE))
}

fn all_samples(registry: &CollectorRegistry) -> Samples {
    let mut all = samples(registry);
    all.extend(samples(&STATICS));
    all
}

/// How many programs are tried: 200, or as many as `PYTHEUS_PROPERTY_CASES` says where all is slower.
fn cases() -> u32 {
    let cases = env::var("PYTHEUS_PROPERTY_CASES");
    cases.map_or(200, |cases| cases.parse().expect("PYTHEUS_PROPERTY_CASES is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::with_cases(cases())
    })]

    #[test]
    fn concurrent_totals_equal_sequential_ones_and_every_scrape_is_consistent(program in program()) {
        // New families each time: leftovers of earlier programs would show.
        let registry = CollectorRegistry::new();
        let metrics = Metrics::new(&registry);
        let mut model = Model { samples: all_samples(&registry), ..Model::default() };
        let handed = Handed::default();
        let start = Barrier::new(program.0.len());
        let scrapes = while_scraping(&mut [oracle(&registry), oracle(&STATICS)], || {
            thread::scope(|scope| {
                for (ops, rounds) in &program.0 {
                    let (metrics, handed, start) = (metrics.clone(), &handed, &start);
                    scope.spawn(move || {
                        start.wait();
                        run((ops, *rounds), &metrics, handed, scope);
                    });
                }
            });
        });
        for (ops, rounds) in &program.0 {
            model.run(ops, *rounds);
        }
        let wrong = difference(&model.samples, &all_samples(&registry));
        prop_assert!(wrong.is_empty(), "{}", wrong);

        drop(handed);
        model.end_handed();
        let wrong = difference(&model.samples, &all_samples(&registry));
        prop_assert!(wrong.is_empty(), "after the guards that were given away: {}", wrong);
        prop_assert!(scrapes.is_ok(), "{}", scrapes.unwrap_err());
    }
}
