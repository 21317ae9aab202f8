//! Totals that something else keeps add up over the processes of a directory.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use pytheus::metric;
use support::worker::{Worker, serve};

metric! {
    /// Kept by a library.
    static READ: Counter = "read_bytes_total";
}

static SOURCE: AtomicU64 = AtomicU64::new(0);

fn act(words: &[&str]) -> String {
    match *words {
        ["source"] => READ.set_function(|| SOURCE.load(Relaxed)),
        ["keep", total] => SOURCE.store(total.parse().expect("a number"), Relaxed),
        ["fork", more] => return fork(more.parse().expect("a number")),
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

/// Forks a child whose library goes on from its parent's total; gives what the child shows.
#[allow(unsafe_code, reason = "`fork` has no safe form")]
fn fork(more: u64) -> String {
    let (mut reader, mut writer) = std::io::pipe().expect("the system has pipes");
    // SAFETY: as in any program that forks with threads; see `engine_fork`.
    match unsafe { libc::fork() } {
        -1 => format!("error: {}", std::io::Error::last_os_error()),
        0 => {
            // What the total is at the first reading is the parent's.
            let first = pytheus::generate_metrics().is_ok();
            SOURCE.fetch_add(more, Relaxed);
            let text = pytheus::generate_metrics().unwrap_or_else(|error| error.to_string());
            let shown = text.lines().find(|line| line.starts_with("read_bytes_total ")).unwrap_or("nothing");
            let _ = write!(writer, "{first} {shown}");
            // SAFETY: ends this process without the destructors of the parent.
            unsafe { libc::_exit(0) }
        }
        child => {
            drop(writer);
            let mut answer = String::new();
            let _ = reader.read_to_string(&mut answer);
            // SAFETY: waits for the child above.
            unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
            answer
        }
    }
}

#[test]
fn worker() {
    serve(act);
}

fn tell(worker: &mut Worker, what: &str) {
    assert_eq!(worker.ask(what), "ok");
}

#[test]
fn sources_of_several_processes_add_up_and_outlive_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut one, mut other) = (Worker::start(directory.path()), Worker::start(directory.path()));
    for (worker, total) in [(&mut one, "keep 5"), (&mut other, "keep 7")] {
        tell(worker, "source");
        tell(worker, total);
    }
    assert_eq!(one.scrape().get("read_bytes_total"), Some(&5.0), "the other one is not read yet");
    assert_eq!(other.scrape().get("read_bytes_total"), Some(&12.0));
    tell(&mut one, "keep 6");
    assert_eq!(one.ask("shutdown"), "ok", "reads the source once more");
    one.end();
    assert_eq!(other.scrape().get("read_bytes_total"), Some(&13.0));
    other.kill();
    let mut third = Worker::start(directory.path());
    tell(&mut third, "source");
    tell(&mut third, "keep 2");
    assert_eq!(third.scrape().get("read_bytes_total"), Some(&15.0));
}

#[test]
fn child_counts_only_what_its_source_has_counted_in_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut parent = Worker::start(directory.path());
    tell(&mut parent, "source");
    tell(&mut parent, "keep 5");
    assert_eq!(parent.scrape().get("read_bytes_total"), Some(&5.0));
    tell(&mut parent, "keep 8");
    assert_eq!(parent.ask("fork 4"), "true read_bytes_total 9");
    assert_eq!(parent.scrape().get("read_bytes_total"), Some(&12.0));
}
