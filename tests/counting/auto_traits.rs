//! What users hold may go to other threads, and through `catch_unwind`.

use std::cell::Cell;
use std::error::Error;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;

use pytheus::backends::custom::{
    Aggregation, AggregationScope, Backend, Batch, CellAddr, Change, Config, FamilyKey, FamilyKeyError, NewSeries,
    Removal, Secret, SeriesKey, Totals, WriterId,
};
use pytheus::backends::{BackendSpec, ConfigError, FlushError, LoadError, LoadedBy, SingleProcessBackend};
use pytheus::collector::Collector;
use pytheus::descriptor::{Descriptor, GaugeMode, Kind};
use pytheus::error::{DescriptorError, Duplicate, LabelError, RegisterError, ScrapeError};
use pytheus::exposition::WriteError;
use pytheus::metrics::{
    Builder, Counter, Family, Gauge, Histogram, InProgress, Info, Labelled, Outcome, Partial, StateSet, Summary, Timer,
    WithLabels, WithoutLabels,
};
use pytheus::registry::{CollectorRegistry, FamilyView, REGISTRY, Registry, RegistryProxy};
use pytheus::snapshot::{FamilySnapshot, Number, Sample};
use pytheus::{LabelValue, Labels, metric};

type TestResult = Result<(), Box<dyn Error>>;

/// Goes anywhere.
fn is_free<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}

/// Goes to other threads; what it holds of the user's may be half changed after a panic.
fn is_threaded<T: Send + Sync + Unpin>() {}

fn of<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>(_: &T) {}

#[derive(Debug, Clone, Copy, LabelValue)]
enum Phase {
    Starting,
    Running,
}

metric! {
    /// Of each kind of label.
    static STEPS: Counter = "steps_total" { labels: { phase: Phase, status = "200", region } };
    /// Times.
    static SECONDS: Histogram = "step_seconds" { labels: { region } };
    /// Work.
    static WORK: Gauge = "work" { labels: { region } };
    /// Phases.
    static PHASE: StateSet<Phase> = "phase";
}

#[test]
fn every_type_that_users_hold_is_send_sync_unpin_and_unwind_safe() {
    is_free::<Counter>();
    is_free::<Gauge>();
    is_free::<Histogram>();
    is_free::<Summary>();
    is_free::<Info>();
    is_free::<StateSet>();
    is_free::<StateSet<Phase>>();
    is_free::<Family<Counter>>();
    is_free::<Family<StateSet<Phase>>>();
    is_free::<Partial<Histogram>>();
    is_free::<Timer<Histogram>>();
    is_free::<Timer<Gauge>>();
    is_free::<Timer<Summary>>();
    is_free::<InProgress>();
    is_free::<Builder<'static, Counter, WithoutLabels>>();
    is_free::<Builder<'static, StateSet<Phase>, WithLabels>>();
    is_free::<Outcome>();
    is_free::<Labels<'static>>();
    of(&STEPS);
    of(&PHASE);
    // Some labels of a declared metric, all of them, and a timer of both.
    of(&STEPS.phase(Phase::Running));
    of(&STEPS.phase(Phase::Starting).region(format!("{}", 1)).status("404"));
    of(&SECONDS.region("eu").time());
    of(&SECONDS.region("eu").to_series().time());
    of(&WORK.region("eu").track_inprogress());
    is_free::<Counter<Labelled<()>>>();

    is_free::<CollectorRegistry>();
    is_free::<RegistryProxy>();
    // Any type of the user's may stand behind these.
    is_threaded::<Arc<dyn Registry>>();
    is_threaded::<Arc<dyn Collector>>();
    is_threaded::<Arc<dyn Backend>>();
    is_threaded::<BackendSpec>();
    is_free::<FamilyView<'static>>();
    is_free::<FamilySnapshot>();
    is_free::<Sample>();
    is_free::<Number>();
    is_free::<Descriptor>();
    is_free::<Kind>();
    is_free::<GaugeMode>();

    is_free::<DescriptorError>();
    is_free::<LabelError>();
    is_free::<Duplicate>();
    is_free::<RegisterError>();
    is_free::<ConfigError>();
    is_free::<LoadedBy>();
    // They hold an error of any type.
    is_threaded::<ScrapeError>();
    is_threaded::<WriteError>();
    is_threaded::<LoadError>();
    is_threaded::<FlushError>();
    is_threaded::<FamilyKeyError>();

    is_free::<SingleProcessBackend>();
    #[cfg(unix)]
    {
        is_free::<pytheus::backends::MultiProcessFileBackend>();
        // It holds an `io::Error`, which may hold any error.
        is_threaded::<pytheus::backends::FileError>();
        is_free::<pytheus::backends::FileFault>();
        is_free::<pytheus::backends::custom::CloseOnFork>();
    }
    is_free::<Config>();
    is_free::<Secret>();
    is_free::<FamilyKey>();
    is_free::<SeriesKey>();
    is_free::<Aggregation>();
    is_free::<AggregationScope>();
    is_free::<Batch>();
    is_free::<Change>();
    is_free::<Removal>();
    is_free::<WriterId>();
    is_free::<CellAddr>();
    is_free::<NewSeries<'static>>();
    is_threaded::<Totals<'static>>();
}

/// A wrapper is what the future is; those of a panic-safe future are panic-safe.
#[test]
fn an_instrumented_future_is_send_and_sync_as_the_inner_one() -> TestResult {
    fn is_sent<T: Send + UnwindSafe + RefUnwindSafe>(_: &T) {}
    let seconds = Histogram::builder("future_seconds", "F.").unregistered().build()?;
    let busy = Gauge::builder("future_busy", "F.").unregistered().build()?;
    is_sent(&seconds.time_future(std::future::ready(1)));
    is_sent(&busy.track_inprogress_future(std::future::ready(1)));
    is_sent(&busy.time_future(std::future::ready(1)));
    is_sent(&SECONDS.region("eu").time_future(std::future::ready(1)));
    Ok(())
}

/// As users write it, without an `AssertUnwindSafe`.
#[test]
#[allow(clippy::float_cmp, reason = "what is counted here is exact")]
fn handles_go_through_catch_unwind_and_count_on() -> TestResult {
    let jobs = Counter::builder("caught_total", "C.").label_names(["kind"]).build()?;
    let one = jobs.labels([("kind", "a")])?;
    let busy = Gauge::builder("caught_busy", "C.").build()?;
    let seconds = Histogram::builder("caught_seconds", "C.").build()?;
    let panicked = catch_unwind(|| {
        one.inc();
        let _timer = seconds.time();
        let _busy = busy.track_inprogress();
        jobs.labels([("kind", "b")]).map(|other| other.inc()).expect("a label of the metric");
        STEPS.phase(Phase::Running).region("eu").inc();
        panic!("on purpose");
    });
    assert!(panicked.is_err());
    let timer = seconds.time();
    assert!(catch_unwind(move || timer.stop()).is_ok());
    let registry = CollectorRegistry::new();
    assert!(catch_unwind(|| registry.collect().is_ok()).unwrap_or(false));
    assert_eq!((one.get(), busy.get(), seconds.count()), (1.0, 0.0, 2));
    assert_eq!(REGISTRY.sample_value("caught_total", &[("kind", "b")]), Some(1.0));
    // What is no safe thing of the user's stays none.
    let cell = Cell::new(0);
    assert!(catch_unwind(AssertUnwindSafe(|| cell.set(1))).is_ok());
    Ok(())
}
