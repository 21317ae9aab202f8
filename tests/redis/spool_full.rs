//! With a full disk, a process with a spool sends no batches, as it can't log them. Existing series count on, and are sent once
//! there is room.
#![cfg(unix)]

use pytheus::backends::json;
use pytheus::metric;
use servers::counting;
use servers::server::{Server, config};
use support::disk;
use support::scrapes::Samples;
use support::worker::Worker;

metric! {
    /// Jobs.
    static JOBS: Counter = "jobs_total" { labels: { worker } };
}

#[test]
fn worker() {
    counting::serve(|words| {
        match *words {
            ["count", worker, times] => {
                (0..times.parse().expect("a number")).for_each(|_: u64| JOBS.worker(worker).inc());
            }
            ["limit", bytes] => disk::limit_file_size(bytes.parse().ok()),
            _ => panic!("{words:?}"),
        }
        "ok".to_owned()
    });
}

#[test]
fn counts_during_a_full_disk_are_sent_once_there_is_room() {
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let mut with_spool = config(server.port());
    with_spool["spool_directory"] = json!(spool.path());
    let mut counting = counting::start(&with_spool);
    let mut other = counting::start(&config(server.port()));
    let mut shown = |worker: &str| -> Option<f64> {
        let shown: Samples = other.scrape();
        shown.get(&format!("jobs_total{{worker=\"{worker}\"}}")).copied()
    };
    for what in ["count old 10", "flushed", "limit 0", "count old 5", "count new 3", "count other 3"] {
        assert_eq!(counting.ask(what), "ok");
    }
    let refused = counting.ask("flush");
    assert!(refused.starts_with("error: ") && refused.contains("spool"), "{refused}");
    assert_eq!([shown("old"), shown("new")], [Some(10.0), None], "nothing that could count twice");
    // Existing series count on; a series without room is retried once a second.
    for what in ["count old 5", "limit none", "flushed"] {
        assert_eq!(counting.ask(what), "ok");
    }
    assert_eq!(shown("old"), Some(20.0));
    support::wait_for("new series", || {
        assert_eq!(counting.ask("count new 1"), "ok");
        assert_eq!(counting.ask("flushed"), "ok");
        shown("new").filter(|counted| *counted > 0.0).map(drop).ok_or_else(|| "nothing".to_owned())
    });
    let before = shown("new").expect("it is there");
    // The other series begin with their next increment.
    for what in ["count new 4", "count other 6", "flushed"] {
        assert_eq!(counting.ask(what), "ok");
    }
    assert_eq!([shown("new"), shown("other")], [Some(before + 4.0), Some(6.0)]);
    // A kill loses and duplicates no counts.
    assert_eq!(counting.ask("count old 1"), "ok");
    counting.kill();
    let mut successor = counting::start(&with_spool);
    support::wait_for("the recovery", || match successor.scrape().get("pytheus_redis_taken_over_total") {
        Some(taken_over) if *taken_over > 0.0 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(successor.ask("flushed"), "ok");
    assert_eq!(shown("old"), Some(21.0));
}

#[test]
fn loading_on_a_full_disk_fails_and_loses_no_counts() {
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let mut with_spool = config(server.port());
    with_spool["spool_directory"] = json!(spool.path());
    let mut late = Worker::idle();
    for what in ["count old 10", "limit 0"] {
        assert_eq!(late.ask(what), "ok");
    }
    let refused = late.ask(&format!("load redis {with_spool}"));
    let directory = spool.path().display().to_string();
    assert!(refused.starts_with("error: ") && refused.contains(&directory), "{refused}");
    let counted = |worker: &mut Worker| worker.scrape().get("jobs_total{worker=\"old\"}").copied();
    assert_eq!(late.ask("count old 5"), "ok");
    assert_eq!(counted(&mut late), Some(15.0), "of this process alone");
    assert_eq!(late.ask("limit none"), "ok");
    assert_eq!(late.ask(&format!("load redis {with_spool}")), "ok");
    for what in ["count old 1", "flushed"] {
        assert_eq!(late.ask(what), "ok");
    }
    assert_eq!(counted(&mut counting::start(&config(server.port()))), Some(16.0));
}
