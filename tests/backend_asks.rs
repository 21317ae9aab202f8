//! A backend that asks the library for numbers while it is asked itself is told so: it neither recurses nor waits for
//! itself. And a program that hands over what it has counted is told what may be lost.

use std::error::Error;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use pytheus::backends::custom::{Backend, Batch, Totals};
use pytheus::backends::{BackendError, BackendSpec, FlushError, flush, load_backend, shutdown, shutdown_async};
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use pytheus::registry::{REGISTRY, Registry};
use pytheus::snapshot::FamilySnapshot;

metric! {
    /// Anything.
    static ASKED: Counter = "asked_total";
    /// Read by a closure.
    static READ: Gauge = "read";
}

/// When the backend asks.
const NEVER: u8 = 0;
const IN_APPLY: u8 = 1;
const IN_LOAD: u8 = 2;
const IN_HEALTH: u8 = 3;
const WRONG_HEALTH: u8 = 4;

static WHEN: AtomicU8 = AtomicU8::new(NEVER);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static APPLIED: AtomicUsize = AtomicUsize::new(0);
static ANSWERS: Mutex<Vec<Result<String, String>>> = Mutex::new(Vec::new());

struct Curious;

fn ask(when: u8) {
    if WHEN.load(SeqCst) == when {
        let answer = generate_metrics().map_err(|error| error.to_string());
        ANSWERS.lock().expect("no other holder panics").push(answer);
    }
}

impl Backend for Curious {
    fn interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(5))
    }

    fn apply(&self, _: &Batch) -> Result<(), BackendError> {
        ask(IN_APPLY);
        APPLIED.fetch_add(1, SeqCst);
        Ok(())
    }

    fn load(&self, _: &mut Totals<'_>) -> Result<(), BackendError> {
        ask(IN_LOAD);
        Ok(())
    }

    fn flush(&self) -> Result<(), BackendError> {
        Err("the disk is full".into())
    }

    fn health(&self) -> Vec<FamilySnapshot> {
        ask(IN_HEALTH);
        let health = Descriptor::new(Kind::Counter, "curious_rounds_total", "R.").expect("a good name");
        let mut family = FamilySnapshot::new(&health);
        family.push(&[], if WHEN.load(SeqCst) == WRONG_HEALTH { -1.0 } else { 1.0 });
        vec![family]
    }
}

/// On a thread of its own, lest a backend that waits for itself keeps the test.
fn within<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(run()));
    receive.recv_timeout(Duration::from_secs(60)).expect("it ends")
}

/// Counts until that is sent.
fn send() {
    let before = APPLIED.load(SeqCst);
    within(move || {
        while APPLIED.load(SeqCst) == before {
            ASKED.inc();
            thread::sleep(Duration::from_millis(1));
        }
    });
}

fn scrape() -> Result<String, String> {
    within(|| generate_metrics().map_err(|error| error.to_string()))
}

fn answers() -> Vec<Result<String, String>> {
    std::mem::take(&mut *ANSWERS.lock().expect("no other holder panics"))
}

// One test: a process loads one backend.
#[test]
fn a_backend_that_asks_for_totals_while_it_is_asked_is_told_so() -> Result<(), Box<dyn Error>> {
    load_backend(BackendSpec::instance(Arc::new(Curious)))?;
    assert!(scrape()?.contains("curious_rounds_total 1\n"));

    WHEN.store(IN_LOAD, SeqCst);
    let error = scrape().expect_err("it would ask itself");
    assert!(error.contains("the backend did not give them: it "), "{error}");
    assert!(answers().iter().all(Result::is_err));

    WHEN.store(IN_HEALTH, SeqCst);
    let text = scrape()?;
    assert!(text.contains("pytheus_backend_errors_total{kind=\"health\"} "), "{text}");
    assert!(text.contains("asked_total 0\n") && !text.contains("curious_rounds_total"), "{text}");
    assert!(answers().iter().all(Result::is_err));

    WHEN.store(WRONG_HEALTH, SeqCst);
    assert!(!scrape()?.contains("curious_rounds_total"));

    // The thread that sends calls no closure: what closures know is not sent.
    READ.set_function(|| {
        CALLS.fetch_add(1, SeqCst);
        7.0
    });
    send();
    assert_eq!(CALLS.load(SeqCst), 0);
    assert!(scrape()?.contains("read 7\n"));
    assert_eq!(CALLS.load(SeqCst), 1);

    // By the thread that sends: it would wait for what it does itself.
    WHEN.store(IN_APPLY, SeqCst);
    send();
    assert!(answers().iter().all(Result::is_err));
    WHEN.store(NEVER, SeqCst);
    assert!(scrape()?.contains("curious_rounds_total 1\n"));
    assert!(REGISTRY.sample_value("asked_total", &[]) > Some(0.0));

    let error = within(flush).expect_err("the disk is full");
    assert!(matches!(error, FlushError::Flush { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("the disk is full") && text.contains("flush() may be called again"), "{text}");
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("the disk is full"));
    assert_eq!(std::io::Error::from(error).to_string(), text);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let error = runtime.block_on(shutdown_async(Duration::from_secs(10))).expect_err("the disk is full");
    assert!(error.to_string().contains("is lost when this process ends: the disk is full"), "{error}");
    let error = within(|| shutdown(Duration::from_secs(10))).expect_err("the disk is full");
    assert!(matches!(error, FlushError::Shutdown { .. }), "{error:?}");
    assert!(error.to_string().contains("is lost when this process ends: the disk is full"), "{error}");
    Ok(())
}
