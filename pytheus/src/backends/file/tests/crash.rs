//! Crashes at every failpoint: nothing is lost, and nothing is counted twice.

use std::borrow::Cow;

use super::child;
use super::process::{Process, fold_all, fresh, jobs, names, numbers, shown};
use crate::backends::custom::{Backend as _, Totals};
use crate::backends::failpoint::FAILPOINTS;
use crate::backends::file::MultiProcessFileBackend;
use crate::backends::file::archive::data::Archive;
use crate::backends::file::dir::roster;

/// Task of a child: attach, count 1000, archive ended processes, and remove a series of a live one.
pub(crate) const CYCLE: &str = "cycle";

/// Task of a child: archive ended processes.
pub(crate) const FOLD: &str = "fold";

#[test]
fn a_crash_at_any_failpoint_leaves_exact_totals() {
    let mut crashes = 0;
    for point in FAILPOINTS {
        for time in 1.. {
            let crash_at = format!("{point}:{time}");
            if !dies_at(&crash_at, point, time) {
                assert!(time > 1, "no process comes by at `{point}`");
                break;
            }
            crashes += 1;
        }
    }
    let twice = "the archive and the roster are written twice, and three files are removed";
    assert_eq!(crashes, FAILPOINTS.len() + 4 + 3 + 2, "{twice}");
}

/// A limit on the size of files stands for a full disk.
#[test]
fn archiving_on_a_full_disk_changes_nothing() {
    let (_around, directory) = fresh();
    for _ in 0..3 {
        Process::begin(&directory).count_in(&jobs(), &["a"], 10, 0.25);
    }
    let (before, files) = (shown(&directory), names(&directory));
    let command = child::command(FOLD, directory.path());
    let status = child::in_shell("trap '' XFSZ; ulimit -f 0", &command).status().expect("there is a shell");
    assert!(!status.success(), "there is no room");
    assert_eq!((shown(&directory), names(&directory)), (before.clone(), files));
    assert_eq!(fold_all(&directory).files, 3);
    assert_eq!(shown(&directory), before);
}

/// Returns false if the process did not pass the failpoint.
fn dies_at(crash_at: &str, point: &str, time: usize) -> bool {
    let (_around, directory) = fresh();
    let mut live = Process::begin(&directory);
    live.count_in(&jobs(), &["a"], 1, 0.5);
    live.count_in(&jobs(), &["gone"], 5, 0.0);
    for _ in 0..3 {
        let mut ended = Process::begin(&directory);
        ended.count_in(&jobs(), &["a"], 10, 0.25);
        ended.count_in(&jobs(), &["gone"], 5, 0.25);
    }
    let status = child::run(CYCLE, directory.path(), Some(crash_at));
    let place = FAILPOINTS.iter().position(|known| *known == point).expect("it is in the list");
    let is_after = |name: &str| place > FAILPOINTS.iter().position(|known| *known == name).expect("it is in the list");
    // The child counts after it is attached, and removes after it has archived.
    let is_of_fold = point.starts_with("roster") && time == 2;
    let counted = if status.success() || is_of_fold || is_after("file published") { 1000.0 } else { 0.0 };
    let removed = status.success() || point == "series removed" || (point == "archive renamed" && time == 2);
    let a = (r#"queue="a""#, 31.0 + 1.25 + counted);
    let expected = if removed { numbers([a]) } else { numbers([a, (r#"queue="gone""#, 20.75)]) };
    // The roster names no missing file.
    let backend = MultiProcessFileBackend::new(directory.path()).expect("it is a good directory");
    backend.load(&mut Totals::new(Cow::Borrowed(""), [])).unwrap_or_else(|error| panic!("{crash_at}: {error}"));
    drop(backend);
    for when in ["before", "after", "long after"] {
        assert_eq!(shown(&directory), expected, "{crash_at}, {when} the next one folds");
        fold_all(&directory);
    }
    // The next process cleans up.
    let mut last = Process::begin(&directory);
    last.count_in(&jobs(), &["a"], 0, 0.25);
    directory.acquire_lock().and_then(|locked| roster::clean(&locked)).expect("it is ours");
    drop(last);
    fold_all(&directory);
    assert_eq!(
        names(&directory),
        ["archive", "lock", &format!("process-{}", live.id()), "roster", "shared"],
        "{crash_at}"
    );
    let archive = Archive::read(&directory).expect("it is whole");
    assert!(archive.folded.len() <= 1, "{crash_at}: those that are gone are forgotten");
    assert_eq!(shown(&directory).len(), expected.len(), "{crash_at}");
    !status.success()
}
