//! A thousand signals a second, as from a profiler, make no scrape or flush fail, and change no total.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "signals have no safe form")]

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use pytheus::backends::flush;
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use serde_json::Value;
use servers::counting::{serve, start};
use servers::server::{Server, config};

const SERIES: u64 = 5_000;
const SCRAPES: u64 = 150;

metric! {
    /// One for each series.
    static HITS: Counter = "hits_total" { labels: { path } };
    /// One for each flush.
    static FLUSHES: Counter = "flushes_total";
}

/// The number of signals so far.
static SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn handle(_: libc::c_int) {
    SIGNALS.fetch_add(1, Relaxed);
}

/// Interrupts every thread of this process a thousand times a second, with or without `SA_RESTART`.
fn interrupt(flags: libc::c_int) {
    // SAFETY: all zeros are a valid `sigaction`; the handler does nothing but count.
    let set = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as *const () as libc::sighandler_t;
        action.sa_flags = flags;
        libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut())
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    thread::spawn(|| {
        // SAFETY: these have no preconditions.
        let (process, own) = unsafe { (libc::getpid(), libc::gettid()) };
        loop {
            let threads = fs::read_dir("/proc/self/task").expect("it is Linux").filter_map(Result::ok);
            let numbers = threads.filter_map(|thread| thread.file_name().to_string_lossy().parse::<libc::pid_t>().ok());
            for thread in numbers.filter(|thread| *thread != own) {
                // SAFETY: it sends a signal, if that thread still exists.
                unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGALRM) };
            }
            thread::sleep(Duration::from_millis(1));
        }
    });
}

#[test]
fn worker() {
    serve(|words| match words {
        ["count"] => {
            (0..SERIES).for_each(|path| HITS.path(path.to_string()).inc());
            "ok".to_owned()
        }
        ["interrupt", "restart"] => {
            interrupt(libc::SA_RESTART);
            "ok".to_owned()
        }
        ["interrupt", "once"] => {
            interrupt(0);
            "ok".to_owned()
        }
        ["all"] => {
            let (mut failed, before) = (Vec::new(), SIGNALS.load(Relaxed));
            for _ in 0..SCRAPES {
                FLUSHES.inc();
                failed.extend(flush().err().map(|error| error.to_string()));
                let text = generate_metrics();
                failed.extend(text.err().map(|error| error.to_string()));
            }
            let signals = SIGNALS.load(Relaxed) - before;
            assert!(signals > SCRAPES, "{signals} signals");
            format!("{} failed {:?}", failed.len(), failed.first())
        }
        other => panic!("{other:?}"),
    });
}

fn is_undisturbed(config: &Value, how: &str) {
    let mut worker = start(config);
    for what in ["count".to_owned(), "flushed".to_owned(), format!("interrupt {how}")] {
        assert_eq!(worker.ask(&what), "ok");
    }
    assert_eq!(worker.ask("all"), "0 failed None");
    let shown = start(config).scrape();
    assert_eq!(shown["flushes_total"].to_bits(), (SCRAPES as f64).to_bits());
    let hits: Vec<_> = shown.iter().filter(|(name, _)| name.starts_with("hits_total{")).collect();
    assert!(hits.len() as u64 == SERIES && hits.iter().all(|(_, value)| value.to_bits() == 1.0_f64.to_bits()));
}

#[test]
fn scrapes_and_flushes_succeed_under_a_profiler_with_a_thousand_signals_a_second() {
    let server = Server::start();
    is_undisturbed(&config(server.port()), "restart");
}

#[test]
fn scrapes_and_flushes_succeed_without_sa_restart_on_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("redis.sock");
    let _server = Server::with(&[&format!("unixsocket {}", socket.display())]);
    let url = format!("unix://{}", socket.display());
    let config = serde_json::json!({"url": url, "timeout": 30, "flush_interval": 0.02});
    is_undisturbed(&config, "once");
}
