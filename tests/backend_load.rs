//! A process loads one backend, for its life: what a second load, a failed one and one from within come to.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use pytheus::backends::custom::{Backend, Config, Configure, Totals};
use pytheus::backends::{BackendError, BackendSpec, LoadError, LoadedBy, SingleProcessBackend, json, load_backend};
use pytheus::exposition::generate_metrics;

static MADE: AtomicUsize = AtomicUsize::new(0);
static SCRAPED: AtomicUsize = AtomicUsize::new(0);
static FROM_WITHIN: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Ledger;

impl Backend for Ledger {
    fn load(&self, _: &mut Totals<'_>) -> Result<(), BackendError> {
        SCRAPED.fetch_add(1, SeqCst);
        Ok(())
    }
}

impl Configure for Ledger {
    const NAME: &'static str = "ledger";
    const ALIASES: &'static [&'static str] = &["shop.backends.Ledger"];

    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        let path = config.path("path")?.ok_or_else(|| config.missing("path"))?;
        assert!(config.bool("panic")?.is_none(), "on purpose");
        if path.ends_with("locked") {
            return Err("the ledger is locked".into());
        }
        // What it must not do is an error, not a deadlock; what it may do works.
        let nested = load_backend(BackendSpec::of::<SingleProcessBackend>()).expect_err("from within");
        let scrape = generate_metrics().expect_err("from within");
        FROM_WITHIN.lock().expect("no other holder panics").extend([nested.to_string(), scrape.to_string()]);
        pytheus::Counter::builder("ledgers_total", "Ledgers.").unregistered().build()?.inc();
        MADE.fetch_add(1, SeqCst);
        Ok(Self)
    }
}

pytheus::register_backend!(Ledger);

struct Other;

impl Backend for Other {}

// One test: the backend of a process is loaded once.
#[test]
fn a_process_loads_one_backend_for_its_life() -> Result<(), Box<dyn Error>> {
    let ledger = |path: &str| BackendSpec::of::<Ledger>().with_config(json!({"path": path, "pin": null}));

    // What fails leaves things as they were: the next may succeed.
    let error = load_backend(BackendSpec::of::<Ledger>().with_config(json!({"paht": "a"}))).expect_err("a slip");
    assert!(matches!(&error, LoadError::Config { class, .. } if class == "ledger"), "{error:?}");
    assert_eq!(
        error.to_string(),
        "backend `ledger`: the config given in the program: the key `path` is missing; it must be a path, which is a \
         string. Is it meant by `paht`?"
    );
    assert!(error.source().is_some());
    let error = load_backend(BackendSpec::of::<Ledger>()).expect_err("it needs a path");
    assert!(error.to_string().contains("PYTHEUS_BACKEND_CONFIG): the key `path` is missing"), "{error}");
    let error = load_backend(ledger("locked")).expect_err("it is locked");
    assert_eq!(error.to_string(), "backend `ledger`: the ledger is locked");
    assert!(matches!(error, LoadError::Backend { .. }), "{error:?}");
    let panics = BackendSpec::of::<Ledger>().with_config(json!({"path": "a", "panic": true}));
    let error = load_backend(panics).expect_err("it panics");
    assert_eq!(error.to_string(), "backend `ledger`: it panicked: on purpose");
    let error = load_backend(BackendSpec::named("legder")).expect_err("a slip");
    let text = error.to_string();
    assert!(text.starts_with("there is no backend `legder`; did you mean `ledger`?"), "{text}");
    assert!(text.contains("`ledger`, `single`"), "{text}");
    let error = load_backend(BackendSpec::instance(Arc::new(Other)).with_config(json!({}))).expect_err("it is ready");
    assert!(matches!(error, LoadError::InstanceWithConfig { .. }), "{error:?}");
    assert_eq!((MADE.load(SeqCst), SCRAPED.load(SeqCst)), (0, 0));
    assert!(generate_metrics().is_ok());

    // A key that nobody reads is found even if the backend does not look.
    let error =
        load_backend(BackendSpec::of::<Ledger>().with_config(json!({"path": "a", "pin": 1}))).expect_err("a pin");
    assert!(error.to_string().contains("it has a key that there is not"), "{error}");
    let made = MADE.load(SeqCst);
    FROM_WITHIN.lock().expect("no other holder panics").clear();

    load_backend(BackendSpec::of::<Ledger>().with_config(json!({"path": "a"})))?;
    assert_eq!(MADE.load(SeqCst), made + 1);
    let from_within = FROM_WITHIN.lock().expect("no other holder panics").clone();
    assert_eq!(from_within.len(), 2);
    assert!(from_within.iter().all(|text| text.contains("while one is being made by the same thread")));
    generate_metrics()?;
    assert_eq!(SCRAPED.load(SeqCst), 1);

    // The same again, by whatever name, is fine.
    load_backend(BackendSpec::of::<Ledger>().with_config(json!({"path": "a"})))?;
    load_backend(BackendSpec::named("shop.backends.Ledger").with_config(json!({"path": "a"})))?;
    assert_eq!(MADE.load(SeqCst), made + 1);

    // Anything else is not, and changes nothing.
    let error = load_backend(BackendSpec::of::<Ledger>().with_config(json!({"path": "b"}))).expect_err("another path");
    assert_eq!(
        error.to_string(),
        "backend `ledger` is loaded already with another config, which differs in `path`: by load_backend(), as the \
         program says"
    );
    let error = load_backend(BackendSpec::of::<SingleProcessBackend>()).expect_err("another class");
    assert!(matches!(error, LoadError::Loaded { by: LoadedBy::Program, .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "backend `single` can't be loaded, since `ledger` is: by load_backend(), as the program says"
    );
    assert!(load_backend(BackendSpec::instance(Arc::new(Other))).is_err());
    assert_eq!(MADE.load(SeqCst), made + 1);
    generate_metrics()?;
    assert_eq!(SCRAPED.load(SeqCst), 2);

    // What may be a secret does not show.
    let load = BackendSpec::of::<Ledger>().with_config(json!({"password": "hunter2"}));
    assert!(!format!("{load:?}").contains("hunter2"));
    Ok(())
}
