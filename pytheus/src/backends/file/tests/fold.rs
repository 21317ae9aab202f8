//! Archived totals count once, and removed series stay removed.

use std::fs;

use super::process::{Process, fold_all, fresh, jobs, names, numbers, other_jobs, peers, remove_all, shown};
use crate::backends::custom::Arena as _;
use crate::backends::file::archive::data::Archive;
use crate::backends::file::archive::fold::fold_ended;

#[test]
fn ended_processes_are_archived_and_live_ones_are_not() {
    let (_around, directory) = fresh();
    let mut live = Process::begin(&directory);
    live.count_in(&jobs(), &["a"], 1, 0.0);
    for _ in 0..3 {
        let mut ended = Process::begin(&directory);
        ended.count_in(&jobs(), &["a"], 10, 0.25);
        ended.count_in(&jobs(), &["b"], 0, 0.5);
        // Untouched series.
        ended.series(&jobs(), &["silent"], false);
        ended.series(&jobs(), &["is_zero_series"], true);
    }
    let expected = numbers([(r#"queue="a""#, 31.75), (r#"queue="b""#, 1.5), (r#"queue="is_zero_series""#, 0.0)]);
    assert_eq!(shown(&directory), expected);
    let folded = fold_all(&directory);
    assert_eq!((folded.files, folded.skipped.len(), folded.left.len()), (3, 0, 0));
    assert_eq!(shown(&directory), expected);
    assert_eq!(names(&directory), ["archive", "lock", &format!("process-{}", live.id()), "roster", "shared"]);
    // There is nothing left to archive.
    assert_eq!(fold_all(&directory).files, 0);
    drop(live);
    assert_eq!(fold_all(&directory).files, 1);
    assert_eq!(shown(&directory), expected);
    let archive = Archive::read(&directory).expect("it is whole");
    assert_eq!((archive.generation, archive.folded.len()), (2, 1), "one is named that was there when it was written");
}

#[test]
fn a_file_is_not_archived_twice_by_a_process_that_opened_it_earlier() {
    let (_around, directory) = fresh();
    Process::begin(&directory).count_in(&jobs(), &["a"], 1, 0.0);
    let stale = peers(&directory);
    fold_all(&directory);
    // The next archive no longer names the file, which was removed.
    Process::begin(&directory).count_in(&jobs(), &["a"], 2, 0.0);
    fold_all(&directory);
    let mut archive = Archive::read(&directory).expect("it is whole");
    assert!(!archive.folded.contains(&stale[0].id()));
    let locked = directory.acquire_lock().expect("nobody has it");
    let folded = fold_ended(&locked, &mut archive, stale).expect("there is room");
    assert_eq!(folded.files, 0);
    assert_eq!(shown(&directory), numbers([(r#"queue="a""#, 3.0)]));
}

#[test]
fn a_damaged_file_of_an_ended_process_is_left_alone() {
    let (_around, directory) = fresh();
    let mut damaged = Process::begin(&directory);
    damaged.count_in(&jobs(), &["a"], 1, 0.0);
    let path = directory.process(damaged.id());
    drop(damaged);
    fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(4096)).expect("it is ours");
    Process::begin(&directory).count_in(&jobs(), &["a"], 2, 0.0);
    assert_eq!(fold_all(&directory).files, 1);
    assert!(path.exists());
    assert_eq!(shown(&directory), numbers([(r#"queue="a""#, 2.0)]));
}

#[test]
fn a_removal_holds_while_other_processes_count_on() {
    let (_around, directory) = fresh();
    Process::begin(&directory).count_in(&jobs(), &["a"], 100, 0.0);
    fold_all(&directory);
    let mut ended = Process::begin(&directory);
    ended.count_in(&jobs(), &["a"], 10, 0.1);
    ended.count_in(&jobs(), &["b"], 7, 0.0);
    ended.series(&jobs(), &["is_zero_series"], true);
    drop(ended);
    let mut live = Process::begin(&directory);
    let series = live.series(&jobs(), &["a"], false);
    live.count(series, 1, 0.3);
    let own = Process::begin(&directory);
    remove_all(&directory, own.id(), &jobs(), &["a"]);
    remove_all(&directory, own.id(), &jobs(), &["is_zero_series"]);
    assert_eq!(shown(&directory), numbers([(r#"queue="b""#, 7.0)]));
    live.count(series, 2, 0.5);
    let expected = numbers([(r#"queue="a""#, 2.5), (r#"queue="b""#, 7.0)]);
    assert_eq!(shown(&directory), expected);
    fold_all(&directory);
    assert_eq!(shown(&directory), expected);
    drop(live);
    fold_all(&directory);
    assert_eq!(shown(&directory), expected);
    assert!(Archive::read(&directory).expect("it is whole").tombstones.is_empty(), "its file is gone");
}

#[test]
fn a_series_can_be_removed_again_and_again() {
    let (_around, directory) = fresh();
    let mut live = Process::begin(&directory);
    let own = Process::begin(&directory);
    let series = live.series(&jobs(), &["a"], false);
    for _ in 0..5 {
        live.count(series, 3, 0.1);
        assert_eq!(shown(&directory), numbers([(r#"queue="a""#, 3.1)]));
        remove_all(&directory, own.id(), &jobs(), &["a"]);
        assert_eq!(shown(&directory), numbers([]));
    }
    assert_eq!(Archive::read(&directory).expect("it is whole").tombstones.len(), 1);
    // A freed series needs no baseline, and the next one with the same labels counts from zero.
    live.file.free_series(series[0]);
    live.count_in(&jobs(), &["a"], 4, 0.0);
    assert_eq!(shown(&directory), numbers([(r#"queue="a""#, 4.0)]));
    remove_all(&directory, own.id(), &jobs(), &["other"]);
    assert!(Archive::read(&directory).expect("it is whole").tombstones.is_empty());
    assert_eq!(shown(&directory), numbers([(r#"queue="a""#, 4.0)]));
}

#[test]
fn declarations_of_one_name_are_archived_apart_in_whichever_order_they_come() {
    let (_around, directory) = fresh();
    for _ in 0..2 {
        Process::begin(&directory).count_in(&jobs(), &["a"], 1, 0.0);
        fold_all(&directory);
        Process::begin(&directory).count_in(&other_jobs(), &["a", "x"], 2, 0.0);
        Process::begin(&directory).count_in(&other_jobs(), &["a", "x"], 3, 0.0);
        assert_eq!(fold_all(&directory).files, 2);
    }
    assert_eq!(shown(&directory), numbers([(r#"queue="a""#, 2.0), (r#"queue="a",site="x""#, 10.0)]));
    let archive = Archive::read(&directory).expect("it is whole");
    let newest: Vec<_> = archive.families.iter().map(|family| family.newest).collect();
    assert_eq!(newest.len(), 2);
    assert!(newest[0] < newest[1], "the one that a process has begun last is the newest: {newest:?}");
}

#[test]
fn a_series_is_removed_from_every_declaration_that_has_it() {
    let (_around, directory) = fresh();
    Process::begin(&directory).count_in(&jobs(), &["a"], 1, 0.0);
    Process::begin(&directory).count_in(&other_jobs(), &["a", ""], 2, 0.0);
    Process::begin(&directory).count_in(&other_jobs(), &["a", "x"], 4, 0.0);
    fold_all(&directory);
    let mut live = Process::begin(&directory);
    live.count_in(&jobs(), &["a"], 8, 0.0);
    let own = Process::begin(&directory);
    remove_all(&directory, own.id(), &other_jobs(), &["a", ""]);
    assert_eq!(shown(&directory), numbers([(r#"queue="a",site="x""#, 4.0)]));
}
