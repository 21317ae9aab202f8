//! The backend as the environment says: `PYTHEUS_BACKEND_CLASS` and `PYTHEUS_BACKEND_CONFIG`.
//!
//! Each case is a process of its own: this program again, with another environment.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::{env, fs};

use pytheus::backends::custom::{Backend, Config, Configure};
use pytheus::backends::{BackendError, BackendSpec, FlushError, SingleProcessBackend, flush, json, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use support::worker::rerun;

metric! {
    /// Anything.
    static COUNTED: Counter = "counted_total";
}

static MADE: Mutex<Vec<String>> = Mutex::new(Vec::new());
static REPORTS: AtomicUsize = AtomicUsize::new(0);

struct Ledger;

impl Backend for Ledger {}

impl Configure for Ledger {
    const NAME: &'static str = "ledger";

    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        let path = config.path("path")?.ok_or_else(|| config.missing("path"))?;
        let token = config.secret("token")?;
        if token.is_some_and(|token| token.reveal() != "hunter2") {
            return Err(config.invalid("token", "the right one").into());
        }
        COUNTED.inc();
        MADE.lock().expect("no other holder panics").push(path.display().to_string());
        Ok(Self)
    }
}

pytheus::register_backend!(Ledger);

type Case = fn() -> Result<(), Box<dyn Error>>;

/// What a child does; it says what comes of it.
const CASES: [(&str, Case); 6] = [
    ("load", || Ok(load_backend(BackendSpec::from_env())?)),
    ("load the class", || Ok(load_backend(BackendSpec::of::<Ledger>())?)),
    ("load the config", || Ok(load_backend(BackendSpec::from_env().with_config(json!({"path": "given"})))?)),
    ("count", || {
        COUNTED.inc();
        COUNTED.inc();
        let made = made();
        let text = generate_metrics()?;
        assert_eq!(made, self::made(), "the first use has loaded it");
        let expected = if made.is_empty() { 2 } else { 3 };
        assert!(text.contains(&format!("counted_total {expected}\n")), "{text}");
        // What is loaded stays.
        load_backend(BackendSpec::from_env()).expect("the same");
        Ok(load_backend(BackendSpec::of::<SingleProcessBackend>().with_config(json!({})))?)
    }),
    ("scrape", || {
        generate_metrics()?;
        Ok(())
    }),
    ("repair", || {
        pytheus::diagnostics::set_reporter(|message| {
            REPORTS.fetch_add(1, SeqCst);
            assert!(message.contains("there is no backend `legder`; did you mean `ledger`?"), "{message}");
            assert!(message.contains("each scrape fails until load_backend() succeeds"), "{message}");
        });
        // Counting goes on, and every scrape says what is wrong.
        COUNTED.inc();
        for _ in 0..3 {
            let error = generate_metrics().expect_err("as long as nothing is loaded");
            assert!(error.to_string().contains("`legder`"), "{error}");
            COUNTED.inc();
        }
        let error = flush().expect_err("as long as nothing is loaded");
        assert!(
            matches!(&error, FlushError::NotLoaded { source } if source.to_string().contains("`legder`")),
            "{error:?}"
        );
        assert!(error.to_string().contains("is lost when it ends: there is no backend `legder`"), "{error}");
        assert!(load_backend(BackendSpec::from_env()).is_err());
        assert!(generate_metrics().is_err());
        load_backend(BackendSpec::of::<Ledger>().with_config(json!({"path": "given"})))?;
        let text = generate_metrics()?;
        assert!(text.contains("counted_total 5\n"), "{text}");
        assert!(text.contains("pytheus_backend_errors_total{kind=\"load\"} 1\n"), "{text}");
        assert_eq!(REPORTS.load(SeqCst), 1);
        Ok(())
    }),
];

fn made() -> Vec<String> {
    MADE.lock().expect("no other holder panics").clone()
}

/// Not a test by itself: what the others start.
#[test]
fn child() {
    let Ok(name) = env::var("TEST_CASE") else { return };
    let (_, case) = CASES.iter().find(|case| case.0 == name).expect("a case of this name");
    match case() {
        Ok(()) => println!("SAID: made {:?}", made()),
        Err(error) => println!("SAID: {error}"),
    }
}

/// What a process says that does so in this environment.
fn run(case: &str, class: Option<&str>, config: Option<&Path>) -> String {
    let mut command = rerun("child");
    command.env("TEST_CASE", case);
    command.env_remove("PYTHEUS_BACKEND_CLASS").env_remove("PYTHEUS_BACKEND_CONFIG");
    command.envs(class.map(|class| ("PYTHEUS_BACKEND_CLASS", class)));
    command.envs(config.map(|config| ("PYTHEUS_BACKEND_CONFIG", config)));
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| Some(line.split_once("SAID: ")?.1.to_owned()));
    said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("pytheus.json");
        fs::write(&path, text).expect("it can be written");
        path
    }
}

#[test]
fn class_and_config_come_from_the_environment() {
    let folder = Folder::new();
    let file = folder.file(r#"{"path": "read", "token": "hunter2"}"#);
    assert_eq!(run("load", Some("ledger"), Some(&file)), r#"made ["read"]"#);
    assert_eq!(run("load", None, None), "made []");
    for alias in ["single", "SingleProcessBackend", "pytheus.backends.base.SingleProcessBackend"] {
        assert_eq!(run("load", Some(alias), None), "made []", "{alias}");
    }
    // As a shell leaves them that sets what it does not have.
    assert_eq!(run("load", Some(""), Some(Path::new(""))), "made []");
}

#[test]
fn what_the_program_says_comes_first_each_part_on_its_own() {
    let folder = Folder::new();
    let file = folder.file(r#"{"path": "read"}"#);
    assert_eq!(run("load the class", Some("no such"), Some(&file)), r#"made ["read"]"#);
    let absent = folder.0.path().join("absent.json");
    assert_eq!(run("load the config", Some("ledger"), Some(&absent)), r#"made ["given"]"#);
}

#[test]
fn the_first_use_or_scrape_loads_what_the_environment_says() {
    let folder = Folder::new();
    let file = folder.file(r#"{"path": "read"}"#);
    let said = run("count", Some("ledger"), Some(&file));
    assert!(said.starts_with("backend `single` can't be loaded, since `ledger` is: at the first use"), "{said}");
    assert_eq!(run("count", None, None), "made []");
    assert_eq!(run("scrape", Some("ledger"), Some(&file)), r#"made ["read"]"#);
    assert_eq!(run("scrape", None, None), "made []");
}

#[test]
fn what_the_environment_gets_wrong_fails_each_scrape_until_a_load_succeeds() {
    assert_eq!(run("repair", Some("legder"), None), r#"made ["given"]"#);
}

#[test]
fn each_mistake_is_named_with_its_file_its_key_and_what_would_be_right() {
    let folder = Folder::new();
    // With the same words at a load and at a scrape.
    let wrong = |class: Option<&str>, file: Option<&Path>, parts: &[&str]| {
        for case in ["load", "scrape"] {
            let said = run(case, class, file);
            for part in parts {
                assert!(said.contains(part), "{case}: {said}\nhas no: {part}");
            }
            assert!(!said.contains("hunter"), "a secret: {said}");
        }
    };
    let class = Some("ledger");
    let path = folder.0.path().join("pytheus.json").display().to_string();
    let file = |text: &str| Some(folder.file(text));

    wrong(Some("legder"), None, &["there is no backend `legder`; did you mean `ledger`?", "`ledger`, `single`"]);
    wrong(Some("redis"), None, &["the backend `redis` is not part of this program: it needs the feature `redis`"]);
    wrong(
        class,
        None,
        &["backend `ledger`: no config was given", "PYTHEUS_BACKEND_CONFIG", "the key `path` is missing"],
    );

    let absent = folder.0.path().join("absent.json");
    wrong(
        class,
        Some(&absent),
        &[
            "PYTHEUS_BACKEND_CONFIG must be the path of a JSON file",
            "is like a path, and names no file",
            "No such file",
        ],
    );
    wrong(class, Some(folder.0.path()), &["(PYTHEUS_BACKEND_CONFIG) can't be read: Is a directory"]);

    let text = "{\n  \"path\": \"read\"\n  \"token\": \"hunter2\"\n}";
    let named = [&*path, "(PYTHEUS_BACKEND_CONFIG) is not JSON: expected `,` or `}` at line 3 column 3"];
    wrong(class, file(text).as_deref(), &named);
    wrong(class, file("").as_deref(), &[&path, "is not JSON: EOF while parsing a value at line 1 column 0"]);
    wrong(
        class,
        file("[\"hunter2\"]").as_deref(),
        &[&path, "it is a list; it must be an object, {\"key\": value, ..}"],
    );

    let named = [&*path, "the key `path` is a number; it must be a path, which is a string"];
    wrong(class, file(r#"{"path": 5}"#).as_deref(), &named);
    let text = r#"{"path": "read", "tokn": "hunter2"}"#;
    wrong(class, file(text).as_deref(), &[&path, "there is no key `tokn`; did you mean `token`? The keys are `path`"]);
    let text = r#"{"path": "read", "token": "hunter3"}"#;
    wrong(class, file(text).as_deref(), &[&path, "the key `token` is a string; it must be the right one"]);

    // A config alone is for nobody.
    let named = [&*path, "PYTHEUS_BACKEND_CLASS", "it has a key that there is not", "this backend has none"];
    wrong(None, file(r#"{"path": "read"}"#).as_deref(), &named);
}
