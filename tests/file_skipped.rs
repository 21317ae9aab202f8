//! A file that can't be read is left alone, skipped, reported once and counted; what others have counted shows all the same.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};

use pytheus::metric;
use pytheus::metrics::{Counter, Gauge};
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total";
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count"] => REQUESTS.inc(),
        ["as_counter"] => Counter::new("jobs", "Jobs.").build().expect("no other").inc(),
        ["as_gauge"] => Gauge::new("jobs", "Jobs.").build().expect("no other").set(0.5),
        ["share"] => Gauge::new("tasks", "Tasks.").build().expect("no other").set(7.0),
        ["count_tasks"] => Counter::new("tasks", "Tasks.").build().expect("no other").inc(),
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

fn processes(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it can be read").path());
    entries.filter(|path| path.to_string_lossy().contains("/process-")).collect()
}

/// A name as files of processes have it.
fn name(directory: &Path, digit: char) -> PathBuf {
    directory.join(format!("process-{}", String::from(digit).repeat(32)))
}

#[test]
fn a_file_that_cannot_be_read_is_skipped_and_counted_by_its_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    // Of a process that was killed, and that nobody has folded so far.
    let mut worker = Worker::start(directory);
    assert_eq!(worker.ask("count"), "ok");
    let [file] = &processes(directory)[..] else { panic!("one process, one file") };
    let whole = fs::read(file).expect("a plain file");
    worker.kill();
    fs::remove_file(file).expect("it is there");

    let id = file.file_name().expect("it has one").to_owned();
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("the directory can be written to");
    // The log begins after the first page: a record there has one bit wrong.
    let mut corrupt = whole.clone();
    corrupt[4096 + 20] ^= 1;
    write(&directory.join(&id), &corrupt);
    let mut scraper = Worker::start(directory);
    assert_eq!(scraper.ask("count"), "ok");
    let skipped = |scraper: &mut Worker, reason: &str| {
        let samples = scraper.scrape();
        assert_eq!(samples.get("requests_total"), Some(&1.0), "what others have counted shows");
        samples.get(&format!("pytheus_backend_files_skipped_total{{reason=\"{reason}\"}}")).copied()
    };
    assert_eq!(skipped(&mut scraper, "corrupt"), Some(1.0));
    assert_eq!(skipped(&mut scraper, "corrupt"), Some(1.0), "each file once");

    write(&name(directory, 'a'), &whole[..4096]);
    assert_eq!(skipped(&mut scraper, "truncated"), Some(1.0));
    write(&name(directory, 'b'), &b"not a file of ours".repeat(1000));
    symlink(&id, name(directory, 'c')).expect("a link");
    fs::create_dir(name(directory, 'd')).expect("a directory");
    // Under a name that is not its own, it would count twice.
    write(&name(directory, 'e'), &whole);
    assert_eq!(skipped(&mut scraper, "foreign"), Some(4.0));
    // The version stands after the magic; what comes after it may mean anything.
    let mut newer = whole.clone();
    newer[8] = 2;
    write(&name(directory, 'f'), &newer);
    assert_eq!(skipped(&mut scraper, "newer_version"), Some(1.0));

    // All of them are still there.
    assert_eq!(processes(directory).len(), 8);
    assert_eq!(fs::read(directory.join(&id)).expect("a plain file"), corrupt);
}

#[test]
fn a_damaged_archive_is_skipped_and_does_not_stand_in_the_way() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    for _ in 0..2 {
        let mut worker = Worker::start(directory);
        assert_eq!(worker.ask("count"), "ok");
        worker.scrape();
        worker.kill();
    }
    let archive = fs::File::options().write(true).open(directory.join("archive")).expect("one was folded");
    archive.write_all_at(b"????", 100).expect("it can be written to");
    let mut scraper = Worker::start(directory);
    // The second is dead, and folded into a new archive.
    for _ in 0..2 {
        let samples = scraper.scrape();
        assert_eq!(samples.get("requests_total"), Some(&1.0));
        assert_eq!(samples.get(r#"pytheus_backend_files_skipped_total{reason="corrupt"}"#), Some(&1.0));
    }
    assert_eq!(processes(directory).len(), 1);
}

#[test]
fn two_programs_that_declare_a_name_as_other_kinds_are_a_conflict_and_the_newest_stands() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = || Worker::start(directory.path());
    let (mut elder, mut younger, mut other) = (start(), start(), start());
    assert_eq!(elder.ask("as_counter"), "ok");
    assert_eq!(other.scrape().get("jobs"), Some(&1.0));
    assert_eq!(younger.ask("as_gauge"), "ok");
    assert_eq!(younger.ask("share"), "ok");
    let conflicts = r#"pytheus_backend_conflicts_total{metric="jobs"}"#;
    for worker in [&mut elder, &mut younger, &mut other] {
        for _ in 0..2 {
            let samples = worker.scrape();
            assert_eq!((samples.get("jobs"), samples.get("tasks")), (Some(&0.5), Some(&7.0)));
            assert_eq!(samples.get(conflicts), Some(&1.0), "each conflict once");
        }
    }
    // One that all processes write is no different.
    assert_eq!(other.ask("count_tasks"), "ok");
    assert_eq!(other.scrape().get("tasks"), Some(&1.0), "that of the process that began last stands");
    other.kill();
    younger.kill();
    assert_eq!(elder.scrape().get("jobs"), Some(&1.0), "the counts are where they were");
}
