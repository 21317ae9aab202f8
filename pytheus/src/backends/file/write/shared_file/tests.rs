//! The shared file: each process finds the others' series.

use std::fs;
use std::sync::Barrier;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::backends::file::format::error::SkipReason;
use crate::backends::file::tests::samples::gauge;
use crate::backends::file::write::shared_compaction;
use crate::model::descriptor::GaugeMode;
use crate::sync;

fn shown(shared: &SharedFile) -> Vec<(usize, String, Option<f64>, bool)> {
    let mut shown = Vec::new();
    shared.each(|number, family, series| {
        let label = series.key.labels(family).get("a").unwrap_or_default().to_owned();
        shown.push((number, label, shared.value(series.at), series.is_zero_series));
    });
    shown
}

fn set(shared: &SharedFile, at: CellAddr, value: f64) {
    shared.page(at.page).unwrap().cells()[at.cell as usize].store(value.to_bits(), Relaxed);
}

#[test]
fn a_series_added_by_one_process_is_found_by_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared");
    let (one, other) = (shared_compaction::open(&path).unwrap(), shared_compaction::open(&path).unwrap());
    let family = gauge("g", GaugeMode::Shared);
    let (first, second) = (SeriesKey::new(&family, &["1"]), SeriesKey::new(&family, &["2"]));
    assert_eq!(one.find(&family, &first, false).unwrap(), None);
    let at = one.find_or_add(&family, &first, false).unwrap();
    assert_eq!(other.find(&family, &first, false).unwrap(), Some(at));
    assert_eq!(other.find_or_add(&family, &first, false).unwrap(), at);
    let next = other.find_or_add(&family, &second, true).unwrap();
    assert!(next.page == at.page && next.cell == at.cell + 3);
    set(&one, at, 1.5);
    assert!(one.refresh().unwrap() && !one.refresh().unwrap());
    let expected = [(0, "1".to_owned(), Some(1.5), false), (1, "2".to_owned(), None, true)];
    assert_eq!(shown(&one), expected);
    assert_eq!(shown(&other), expected);
    assert_eq!(shown(&shared_compaction::open(&path).unwrap()), expected);
    // Another mode makes another family, another help text does not.
    let live = gauge("g", GaugeMode::LiveSum);
    assert_eq!(one.find(&live, &first, false).unwrap(), None);
    assert!(one.find_or_add(&live, &first, false).unwrap() > next);
    assert!(other.page(at.page).is_some() && other.page(at.page + 1).is_none());
}

#[test]
fn a_removed_series_shows_when_it_is_set_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared");
    let (one, other) = (shared_compaction::open(&path).unwrap(), shared_compaction::open(&path).unwrap());
    let family = gauge("g", GaugeMode::Shared);
    let series = SeriesKey::new(&family, &["1"]);
    let at = one.find_or_add(&family, &series, true).unwrap();
    set(&one, at, 2.0);
    other.remove(at).unwrap();
    one.refresh().unwrap();
    let label = "1".to_owned();
    assert_eq!(shown(&one), [(0, label.clone(), None, false)]);
    set(&other, at, 3.0);
    assert_eq!(shown(&one), [(0, label.clone(), Some(3.0), false)]);
    assert_eq!(one.find(&family, &series, true).unwrap(), None);
    assert_eq!(one.find_or_add(&family, &series, true).unwrap(), at);
    assert_eq!(other.find(&family, &series, true).unwrap(), Some(at));
    other.remove(CellAddr { page: at.page, cell: 100 }).unwrap();
    assert_eq!(shown(&other), [(0, label, Some(3.0), true)]);
}

#[test]
fn several_processes_add_many_series() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared");
    drop(shared_compaction::open(&path).unwrap());
    let lock = Mutex::new(());
    let start = Barrier::new(4);
    let family = gauge("g", GaugeMode::Shared);
    let add = || {
        let shared = shared_compaction::open(&path).unwrap();
        start.wait();
        let places = (0..500).map(|number| {
            let series = SeriesKey::new(&family, &[&format!("{number}{}", "x".repeat(number % 90))]);
            let _held = sync::lock(&lock);
            shared.find_or_add(&family, &series, number % 2 == 0).unwrap()
        });
        let places: Vec<_> = places.collect();
        for at in &places {
            let page = shared.page(at.page).unwrap();
            page.cells()[at.cell as usize + 2].fetch_add(1, Relaxed);
        }
        places
    };
    let all: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(add)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(all.iter().all(|places| *places == all[0]));
    let shared = shared_compaction::open(&path).unwrap();
    let mut count = 0;
    shared.each(|_, _, series| {
        count += 1;
        assert_eq!(shared.cells(series.at)[2].load(Relaxed), 4);
    });
    assert_eq!(count, 500);
}

#[test]
fn an_invalid_shared_file_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared");
    for (bytes, reason) in [(&b""[..], SkipReason::Truncated), (&[b'x'; 5000], SkipReason::Foreign)] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(shared_compaction::open(&path).unwrap_err().reason, reason);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert_eq!(shared_compaction::open(&path).unwrap_err().reason, SkipReason::Foreign);
}

/// Releases this process' lock on a file, as its end would.
fn abandoned(path: &Path, act: impl FnOnce(&SharedFile)) {
    let shared = shared_compaction::open(path).unwrap();
    act(&shared);
    sync::lock(&shared.log).reader.file.unlock().unwrap();
}

#[test]
fn compaction_drops_removed_series_when_no_other_process_has_the_file_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared");
    let (family, other) = (gauge("g", GaugeMode::Shared), gauge("other", GaugeMode::Shared));
    let key = |number: u32| SeriesKey::new(&family, &[&format!("{number:0>100}")]);
    abandoned(&path, |shared| {
        for number in 0..1000 {
            let at = shared.find_or_add(&family, &key(number), number == 500).unwrap();
            set(shared, at, f64::from(number));
            if number % 100 != 7 {
                shared.remove(at).unwrap();
            }
        }
        shared.find_or_add(&family, &key(500), true).unwrap();
        let tracked = shared.find_or_add(&other, &SeriesKey::new(&other, &["t"]), false).unwrap();
        shared.page(tracked.page).unwrap().cells()[tracked.cell as usize + 1].store(1, Relaxed);
    });
    let series = |shared: &SharedFile| {
        let mut shown: Vec<_> =
            shown(shared).into_iter().map(|(_, label, value, is_zero_series)| (label, value, is_zero_series)).collect();
        shown.retain(|(_, value, is_zero_series)| value.is_some() || *is_zero_series);
        shown
    };
    let before = fs::metadata(&path).unwrap().len();
    let held = shared_compaction::open(&path).unwrap();
    let expected = series(&held);
    assert_eq!((expected.len(), shown(&held).len()), (12, 12), "the others are left out");
    assert!(fs::metadata(&path).unwrap().len() < before / 2);
    // A process with the old file open keeps it.
    for number in 1000..2000 {
        let at = held.find_or_add(&family, &key(number), false).unwrap();
        set(&held, at, 1.0);
        held.remove(at).unwrap();
    }
    let next = shared_compaction::open(&path).unwrap();
    assert_eq!((series(&next), shown(&next).len()), (expected.clone(), 1012));
    let at = held.find(&family, &key(7), false).unwrap().unwrap();
    set(&held, at, 70.0);
    assert_eq!(next.value(at), Some(70.0));
    for shared in [held, next] {
        sync::lock(&shared.log).reader.file.unlock().unwrap();
    }
    let last = shared_compaction::open(&path).unwrap();
    assert_eq!((series(&last).len(), shown(&last).len()), (12, 12));
    let at = last.find(&family, &key(7), false).unwrap().unwrap();
    assert_eq!(last.value(at), Some(70.0));
}
