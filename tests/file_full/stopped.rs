//! A process that is stopped while it holds the lock of the directory holds up nobody for long: all count on, and scrapes
//! go on.
#![cfg(unix)]
#![allow(unsafe_code, reason = "signals have no safe form")]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::fs::File;
use std::path::Path;

use pytheus::metric;
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: { path } };
    /// One for all.
    static SHARED: Gauge = "shared" { labels: { path } };
    /// One for all, from the start.
    static ALL: Gauge = "all";
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count", path] => REQUESTS.path(path).inc(),
        ["set", path] => SHARED.path(path).inc(),
        ["all"] => ALL.inc(),
        ["remove", path] => return format!("{} {}", REQUESTS.path(path).remove(), SHARED.path(path).remove()),
        ["lock", path] => {
            let file = File::options().read(true).write(true).open(Path::new(path).join("lock")).expect("it is there");
            file.lock().expect("nobody has it for long");
            // As long as this process lives.
            std::mem::forget(file);
        }
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

fn signal(worker: &Worker, signal: libc::c_int) {
    let id = libc::pid_t::try_from(worker.id()).expect("a number of a process");
    // SAFETY: a child of this process that nobody has waited for.
    assert_eq!(unsafe { libc::kill(id, signal) }, 0, "{}", std::io::Error::last_os_error());
}

fn tell(worker: &mut Worker, what: &str) {
    assert_eq!(worker.ask(what), "ok");
}

fn values(worker: &mut Worker) -> [Option<f64>; 5] {
    let samples = worker.scrape();
    [
        r#"requests_total{path="/a"}"#,
        r#"requests_total{path="/b"}"#,
        r#"shared{path="/a"}"#,
        r#"shared{path="/b"}"#,
        "all",
    ]
    .map(|name| samples.get(name).copied())
}

#[test]
fn a_stopped_lock_holder_delays_others_only_briefly() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut holder, mut dead, mut one, mut other) = (start(), start(), start(), start());
    for worker in [&mut holder, &mut dead, &mut one, &mut other] {
        for what in ["count /a", "set /a", "all"] {
            tell(worker, what);
        }
    }
    tell(&mut holder, &format!("lock {}", directory.path().display()));
    signal(&holder, libc::SIGSTOP);

    // Scrapes show all, also of who dies now, and cannot be folded.
    dead.kill();
    let mut shown = [Some(4.0), None, Some(4.0), None, Some(4.0)];
    assert_eq!(values(&mut one), shown);
    for what in ["count /a", "set /a", "all", "count /b"] {
        tell(&mut other, what);
    }
    shown = [Some(5.0), Some(1.0), Some(5.0), None, Some(5.0)];
    assert_eq!(values(&mut one), shown);
    assert_eq!(values(&mut other), shown);
    // There is no room for a new one that all write, until the lock is free.
    tell(&mut other, "set /b");
    assert_eq!(values(&mut other), shown);
    // Nobody can come in.
    let error = Worker::idle().load(directory.path());
    assert!(error.starts_with("error: ") && error.contains("one that is stopped should go on"), "{error}");
    // What is removed may show until the lock is free; all else does as ever.
    assert_eq!(one.ask("remove /a"), "true true");
    tell(&mut one, "count /b");
    for worker in [&mut one, &mut other] {
        let samples = worker.scrape();
        assert_eq!(samples[r#"requests_total{path="/b"}"#], 2.0);
        assert_eq!(samples["all"], 5.0);
    }

    signal(&holder, libc::SIGCONT);
    holder.end();
    shown = [None, Some(2.0), None, None, Some(5.0)];
    support::wait_for("end of what was removed", || match values(&mut one) {
        values if values == shown => Ok(()),
        values => Err(format!("{values:?}")),
    });
    assert_eq!(values(&mut other), shown);
    tell(&mut one, "set /b");
    shown[3] = Some(1.0);
    assert_eq!(values(&mut other), shown);
}
