//! The worker process of a check: runs the commands from its socket.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::backends::custom::AggregationScope;
use crate::backends::{self, BackendSpec, load_backend};
use crate::collector::collector_fn;
use crate::conformance::repeating::Repeating;
use crate::conformance::wire::directory_beside;
use crate::exposition::generate_metrics;
use crate::metrics::{Counter, Family, Gauge, Histogram, InProgress, Info, StateSet, Summary};
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::snapshot::FamilySnapshot;
use crate::registry::{REGISTRY, Registry as _};

type Outcome = Result<Value, Box<dyn Error + Send + Sync>>;

/// Operations in progress.
#[derive(Default)]
struct Worker {
    threads: Vec<JoinHandle<()>>,
    tally: Arc<Tally>,
    held: Vec<InProgress>,
}

/// Counts of the worker's threads.
#[derive(Default)]
struct Tally {
    begun: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

/// Runs commands until the socket is closed.
pub(super) fn serve(socket: &Path, load: &dyn Fn(&Path) -> BackendSpec) -> ExitCode {
    match Worker::default().serve(socket, load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Worker {
    fn serve(
        &mut self,
        socket: &Path,
        load: &dyn Fn(&Path) -> BackendSpec,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut stream = UnixStream::connect(socket)?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        while let Some(line) = lines.next() {
            let ask: Value = line?.parse()?;
            let answer = |outcome: Outcome| match outcome {
                Ok(value) => json!({"ok": value}),
                Err(error) => json!({"error": error.to_string()}),
            };
            match ask[0].as_str() {
                Some("abort") => std::process::abort(),
                Some("exit") => {
                    let outcome = backends::shutdown(Duration::from_secs(10))
                        .map_or_else(|error| Err(error.into()), |()| Ok(Value::Null));
                    stream.write_all(format!("{}\n", answer(outcome)).as_bytes())?;
                    return Ok(());
                }
                Some("fork") if crate::sync::fork()? => {
                    // The child gets a connection of its own, and none of the threads.
                    stream = UnixStream::connect(socket)?;
                    lines = BufReader::new(stream.try_clone()?).lines();
                    std::mem::take(self).threads.clear();
                    continue;
                }
                _ => {}
            }
            let directory = directory_beside(socket);
            let outcome = self.act(&ask, &|| load(&directory));
            stream.write_all(format!("{}\n", answer(outcome)).as_bytes())?;
        }
        Ok(())
    }

    fn act(&mut self, ask: &Value, load: &dyn Fn() -> BackendSpec) -> Outcome {
        let text = |place: usize| ask[place].as_str().unwrap_or_default();
        let labels = |place: usize| [("l", text(place))];
        match text(0) {
            "load" => load_backend(load())?,
            "load repeating" => load_backend(BackendSpec::instance(Arc::new(Repeating::of(load())?)))?,
            "load other" => load_backend(BackendSpec::instance(Arc::new(Other)))?,
            "about" => return Ok(about()),
            "scrape" => return Ok(json!(generate_metrics()?)),
            "flush" => backends::flush()?,
            "counter" => {
                let counter = counter(text(1))?.labels(labels(2))?;
                match ask[3].as_u64() {
                    Some(whole) => counter.inc_by(whole),
                    None => counter.inc_by(ask[3].as_f64().unwrap_or_default()),
                }
            }
            "limited" => {
                Counter::builder("limited_total", "L.").label_names(["l"]).limit(2).build()?.labels(labels(1))?.inc();
            }
            "histogram" => histogram(text(1))?.labels(labels(2))?.observe(ask[3].as_f64().unwrap_or_default()),
            "summary" => {
                let summary = Summary::builder("sizes", "S.").label_names(["l"]).build()?.labels(labels(1))?;
                summary.observe(ask[2].as_f64().unwrap_or_default());
            }
            "gauge" => {
                let gauge = gauge(text(1))?.labels([("l", "x")])?;
                let value: f64 = text(3).parse()?;
                if text(2) == "set" { gauge.set(value) } else { gauge.inc_by(value) }
            }
            "touch" => {
                drop(gauge(text(1))?.labels([("l", "x")])?);
                lone(text(1))?;
            }
            "read lone" => lone(text(1))?.set_function(|| 4.0),
            "remove gauge" => return Ok(json!(gauge(text(1))?.remove([("l", "x")])?)),
            "hold" => self.held.push(gauge("live_sum")?.labels([("l", "x")])?.track_inprogress()),
            "release" => drop(self.held.pop()),
            "info" => Info::builder("build_info", "B.").label_names(["l"]).build()?.labels(labels(1))?.set(),
            "state" => StateSet::builder("phase", "P.").states(["starting", "running"]).build()?.set(state(text(1))),
            "clash" => Gauge::builder("clash", "C.").label_names(["l"]).build()?.labels(labels(1))?.set(7.0),
            "version" => version(ask[1] == 2)?,
            "closures" => closures()?,
            "remove" => return Ok(json!(counter(text(1))?.remove(labels(2))?)),
            "retain" => counter(text(1))?.retain(|own| own.get("l") == Some(text(2))),
            "clear" => counter(text(1))?.clear(),
            "threads" => {
                for _ in 0..ask[1].as_u64().unwrap_or(1) {
                    self.threads.push(busy(Arc::clone(&self.tally))?);
                }
            }
            "tally" => return Ok(json!(self.tally.done.load(Relaxed))),
            "stop" => {
                self.tally.stop.store(true, Relaxed);
                self.threads.drain(..).for_each(|thread| drop(thread.join()));
                return Ok(json!(self.tally.begun.load(Relaxed)));
            }
            "fork" => {}
            other => return Err(format!("what is {other}?").into()),
        }
        Ok(Value::Null)
    }
}

/// Declares and counts as one version of a program does; the second version has another label and another bucket.
fn version(is_second: bool) -> Result<(), Box<dyn Error + Send + Sync>> {
    let counter = Counter::builder("versioned_total", "V.");
    let (counter, bounds) = if is_second {
        (counter.label_names(["l", "m"]).default_labels([("m", "d")]), &[1.0, 2.0, 4.0][..])
    } else {
        (counter.label_names(["l"]), &[1.0, 4.0][..])
    };
    counter.build()?.labels([("l", "x")])?.inc();
    let seconds = Histogram::builder("versioned_seconds", "V.").buckets(bounds.iter().copied()).build()?;
    for value in [0.5, 3.0, 8.5] {
        seconds.observe(value);
    }
    Ok(())
}

/// A backend besides the tested one.
struct Other;

impl backends::custom::Backend for Other {}

fn about() -> Value {
    let (reach, sent) =
        crate::backends::runtime::installed().map_or((AggregationScope::Process, false), |installed| installed.about());
    let reach = match reach {
        AggregationScope::Process => "process",
        AggregationScope::Machine => "machine",
        AggregationScope::Everywhere => "everywhere",
    };
    json!({"reach": reach, "sent": sent})
}

type Built<M> = Result<Family<M>, crate::model::error::RegisterError>;

fn counter(name: &str) -> Built<Counter> {
    Counter::builder(name, "C.").label_names(["l"]).build()
}

/// Names with `wide` have many buckets.
fn histogram(name: &str) -> Built<Histogram> {
    let histogram = Histogram::builder(name, "H.").label_names(["l"]);
    let histogram = if name.contains("wide") {
        histogram.buckets((1..=500_u16).map(f64::from))
    } else {
        histogram.buckets([1.0, 2.0, 4.0])
    };
    histogram.build()
}

/// The gauge of this mode; its name ends in the mode.
fn gauge(mode: &str) -> Built<Gauge> {
    Gauge::builder(format!("gauge_{mode}"), "G.").label_names(["l"]).mode(mode_of(mode)).build()
}

/// The same without labels; its one series exists from the start.
fn lone(mode: &str) -> Result<Gauge, crate::model::error::RegisterError> {
    Gauge::builder(format!("lone_{mode}"), "L.").mode(mode_of(mode)).build()
}

fn mode_of(mode: &str) -> GaugeMode {
    match mode {
        "live_sum" => GaugeMode::LiveSum,
        "live_min" => GaugeMode::LiveMin,
        "live_max" => GaugeMode::LiveMax,
        "most_recent" => GaugeMode::MostRecent,
        "live_most_recent" => GaugeMode::LiveMostRecent,
        "per_process" => GaugeMode::PerProcess,
        _ => GaugeMode::Shared,
    }
}

/// Gauges and a collector whose code asks for metrics at each scrape: the first may do so, the others would recurse
/// without end.
fn closures() -> Result<(), crate::model::error::RegisterError> {
    let asked = || REGISTRY.sample_value("asked_total", &[("l", "x")]);
    Gauge::builder("half", "H.").build()?.set_function(move || asked().map_or(f64::NAN, |asked| asked / 2.0));
    // The first one's closure asks in turn.
    let half = || REGISTRY.sample_value("half", &[]);
    Gauge::builder("quarter", "Q.").build()?.set_function(move || half().map_or(f64::NAN, |half| half / 2.0));
    Gauge::builder("selfish", "S.")
        .build()?
        .set_function(|| REGISTRY.sample_value("selfish", &[]).unwrap_or(1.0) + 1.0);
    Gauge::builder("scraping", "S.").build()?.set_function(|| generate_metrics().map_or(0.0, |text| text.len() as f64));
    let length = Descriptor::new(Kind::Gauge, "length", "L.")?;
    REGISTRY.register(collector_fn([length.clone()], move || {
        let mut family = FamilySnapshot::new(&length);
        family.push(&[], generate_metrics()?.len() as f64);
        Ok(vec![family])
    }))
}

fn state(name: &str) -> &'static str {
    if name == "running" { "running" } else { "starting" }
}

/// Counts until told to stop.
fn busy(tally: Arc<Tally>) -> Result<JoinHandle<()>, Box<dyn Error + Send + Sync>> {
    let counts = counter("busy_total")?.labels([("l", "x")])?;
    let times = histogram("busy_seconds")?.labels([("l", "x")])?;
    let count = move || {
        while !tally.stop.load(Relaxed) {
            for _ in 0..100 {
                tally.begun.fetch_add(1, Relaxed);
                counts.inc();
                times.observe(2.0);
                tally.done.fetch_add(1, Relaxed);
            }
            thread::yield_now();
        }
    };
    Ok(thread::Builder::new().spawn(count)?)
}
