//! With the feature `log`, what the library has to report goes to the program's logger.

use std::env;
use std::process::Command;
use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use pytheus::collector::collector_fn;
use pytheus::descriptor::{Descriptor, Kind};
use pytheus::diagnostics::set_reporter;
use pytheus::exposition::generate_metrics;
use pytheus::registry::{REGISTRY, Registry};

static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        LOGGED.lock().expect("no other holder panics").push(line);
    }

    fn flush(&self) {}
}

fn logged() -> Vec<String> {
    std::mem::take(&mut *LOGGED.lock().expect("no other holder panics"))
}

fn fails(name: &'static str) {
    let descriptor = Descriptor::new(Kind::Gauge, name, "B.").expect("a good name");
    REGISTRY.register(collector_fn([descriptor], || Err("out of paper".into()))).expect("a free name");
}

/// A process of its own, with a backend that there is not.
#[test]
fn reports_go_to_the_logger_once_there_is_one() {
    if env::var_os("PYTHEUS_BACKEND_CLASS").is_none() {
        let mut child = Command::new(env::current_exe().expect("this program"));
        let output = child.env("PYTHEUS_BACKEND_CLASS", "none").arg("--nocapture").output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}{stderr}", String::from_utf8_lossy(&output.stdout));
        // What came before the logger is not lost.
        assert!(stderr.contains("pytheus: there is no backend of the name that is given"), "{stderr}");
        assert!(!stderr.contains("out of paper"), "{stderr}");
        return;
    }

    generate_metrics().expect_err("there is no such backend");
    log::set_logger(&Logger).expect("the first");
    log::set_max_level(LevelFilter::Info);
    assert_eq!(logged(), [""; 0]);
    pytheus::backends::load_backend(pytheus::backends::BackendSpec::of::<pytheus::backends::SingleProcessBackend>())
        .expect("it takes nothing");

    fails("broken");
    generate_metrics().expect("the others");
    generate_metrics().expect("the others");
    assert_eq!(
        logged(),
        [
            "WARN pytheus: collector `broken` (described at tests/report_log.rs:36) is left out of the scrape: out of paper"
        ]
    );

    // A reporter comes first.
    set_reporter(|message| LOGGED.lock().expect("no other holder panics").push(format!("mine: {message}")));
    fails("torn");
    generate_metrics().expect("the others");
    assert_eq!(
        logged(),
        ["mine: collector `torn` (described at tests/report_log.rs:36) is left out of the scrape: out of paper"]
    );
}
