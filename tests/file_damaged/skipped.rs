//! A damaged file is left alone and fails the scrape, since what is in it would be missing; what never was a file of a process is
//! skipped, reported once and counted.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use pytheus::diagnostics::set_reporter;
use pytheus::metric;
use pytheus::metrics::{Counter, Gauge};
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total";
}

static REPORTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn act(words: &[&str]) -> String {
    match *words {
        ["count"] => REQUESTS.inc(),
        ["as_counter"] => Counter::builder("jobs", "Jobs.").build().expect("no other").inc(),
        ["as_gauge"] => Gauge::builder("jobs", "Jobs.").build().expect("no other").set(0.5),
        ["share"] => Gauge::builder("tasks", "Tasks.").build().expect("no other").set(7.0),
        ["collect_reports"] => set_reporter(|message| REPORTS.lock().expect("no panic").push(message.to_owned())),
        ["reports"] => return REPORTS.lock().expect("no panic").join("\n"),
        ["count_tasks"] => Counter::builder("tasks", "Tasks.").build().expect("no other").inc(),
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

/// What a scrape says that fails.
fn failure(worker: &mut Worker) -> String {
    let said = worker.ask("scrape");
    assert!(said.starts_with("error: "), "{said}");
    said
}

/// The file of a process that was killed, and that nobody has archived.
fn killed(directory: &Path) -> PathBuf {
    let before = processes(directory);
    let mut worker = Worker::start(directory);
    assert_eq!(worker.ask("count"), "ok");
    let file = processes(directory).into_iter().find(|file| !before.contains(file)).expect("each has its own");
    worker.kill();
    file
}

#[test]
fn a_damaged_file_fails_the_scrape_with_its_fault_and_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let file = killed(directory);
    let whole = fs::read(&file).expect("a plain file");
    let write = |bytes: &[u8]| fs::write(&file, bytes).expect("the directory can be written to");
    let mut scraper = Worker::start(directory);
    assert_eq!(scraper.ask("count"), "ok");
    // The log begins after the first page: a record there has one bit wrong.
    let mut corrupt = whole.clone();
    corrupt[4096 + 20] ^= 1;
    // The version stands after the magic; what comes after it may mean anything.
    let mut newer = whole.clone();
    newer[8] += 1;
    let junk = b"not a file of ours".repeat(1000);
    let damaged: [(&str, &[u8]); 5] = [
        ("corrupt", &corrupt),
        ("truncated", &whole[..4096]),
        ("truncated", b""),
        ("newer", &newer),
        ("foreign", &junk),
    ];
    for (reason, bytes) in damaged {
        write(bytes);
        for scraper in [&mut scraper, &mut Worker::start(directory)] {
            let said = failure(scraper);
            assert!(said.contains(file.to_str().expect("plain")) && said.contains(reason), "{reason}: {said}");
            assert!(said.contains("move the file and `roster` away"), "{reason}: {said}");
        }
        assert_eq!(fs::read(&file).expect("a plain file"), bytes, "it is left alone");
    }
    write(&whole);
    assert_eq!(scraper.scrape().get("requests_total"), Some(&2.0), "as soon as it can be read");
}

#[test]
fn foreign_files_are_skipped_and_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let mut worker = Worker::start(directory);
    assert_eq!(worker.ask("count"), "ok");
    let [file] = &processes(directory)[..] else { panic!("one process, one file") };
    symlink(file, name(directory, 'c')).expect("a link");
    fs::create_dir(name(directory, 'd')).expect("a directory");
    // Under a name that is not its own, it would count twice.
    fs::copy(file, name(directory, 'e')).expect("there is room");
    fs::write(directory.join("process-of-somebody"), "another program").expect("there is room");
    let mut scraper = Worker::start(directory);
    for worker in [&mut worker, &mut scraper] {
        for _ in 0..2 {
            let samples = worker.scrape();
            assert_eq!(samples.get("requests_total"), Some(&1.0), "what processes have counted shows");
            let skipped = r#"pytheus_backend_files_skipped_total{reason="foreign"}"#;
            assert_eq!(samples.get(skipped), Some(&3.0), "each once");
        }
    }
}

#[test]
fn two_thousand_bad_files_are_one_error_and_two_thousand_foreign_ones_one_report() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let path = |number: u32| directory.join(format!("process-{number:032x}"));
    (0..2000).for_each(|number| fs::create_dir(path(number)).expect("there is room"));
    let mut worker = Worker::idle();
    assert_eq!(worker.ask("collect_reports"), "ok");
    assert_eq!(worker.load(directory), "ok");
    worker.scrape();
    let reports = worker.ask("reports");
    assert_eq!(reports.lines().count(), 1, "{reports}");
    assert!(reports.contains("and 1999 more are skipped"), "{reports}");
    (2000..4000).for_each(|number| fs::write(path(number), "bad").expect("there is room"));
    let said = failure(&mut worker);
    assert!(said.contains("and 1999 other files have faults") && said.len() < 2000, "{said}");
}

#[test]
fn a_damaged_archive_fails_each_scrape_until_it_is_moved_away() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    for _ in 0..2 {
        let mut worker = Worker::start(directory);
        assert_eq!(worker.ask("count"), "ok");
        worker.scrape();
        worker.kill();
    }
    let archive = directory.join("archive");
    let file = fs::File::options().write(true).open(&archive).expect("one was folded");
    file.write_all_at(b"????", 100).expect("it can be written to");
    let damaged = fs::read(&archive).expect("a plain file");
    let mut scraper = Worker::start(directory);
    for scraper in [&mut scraper, &mut Worker::start(directory)] {
        for _ in 0..2 {
            let said = failure(scraper);
            assert!(said.contains("archive") && said.contains("move the file and `roster` away"), "{said}");
        }
    }
    assert_eq!(fs::read(&archive).expect("a plain file"), damaged, "nothing was added to it, and nothing is lost");
    assert_eq!(processes(directory).len(), 3);
    scraper.end();
    fs::remove_file(&archive).expect("it is there");
    assert!(failure(&mut Worker::start(directory)).contains("roster"), "the loss is known");
    fs::remove_file(directory.join("roster")).expect("it is there");
    assert_eq!(Worker::start(directory).scrape().get("requests_total"), Some(&1.0), "of the one that was not archived");
}

#[test]
fn a_damaged_shared_file_refuses_each_new_process_with_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let mut worker = Worker::start(directory);
    assert_eq!(worker.ask("share"), "ok");
    assert_eq!(worker.scrape().get("tasks"), Some(&7.0));
    let shared_file = directory.join("shared");
    let file = fs::File::options().write(true).open(&shared_file).expect("one is there");
    file.write_all_at(b"????", 12).expect("it can be written to");
    // The second one, too, and once nobody has it open.
    let refused = || {
        let said = Worker::idle().load(directory);
        assert!(said.contains("shared") && said.contains("move the file and `roster` away"), "{said}");
    };
    refused();
    refused();
    assert_eq!(worker.scrape().get("tasks"), Some(&7.0), "read before it was damaged");
    worker.end();
    refused();
    fs::rename(&shared_file, directory.join("aside")).expect("it is there");
    let mut lost = Worker::start(directory);
    assert!(failure(&mut lost).contains("shared"), "the loss is known");
    lost.end();
    fs::remove_file(directory.join("roster")).expect("it is there");
    let mut new = Worker::start(directory);
    assert_eq!(new.ask("count"), "ok");
    assert_eq!(new.scrape().get("requests_total"), Some(&1.0));
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
