//! Compaction: with series that come and go without end, the file stays short, and readers see a whole log at any
//! moment.

use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use super::child;
use super::process::{Process, Shown, fold_all, fresh, jobs, names, numbers, peers, remove_all, shown};
use crate::backends::custom::{Arena as _, CellAddr, NewSeries, SeriesKey};
use crate::backends::failpoint::{COMPACTION_POINTS, SHARED_COMPACTION_POINTS};
use crate::backends::file::dir::directory::Directory;
use crate::backends::file::format::exact_amount::ExactAmount;
use crate::backends::file::format::file_id::FileId;
use crate::backends::file::read::peer::Peer;
use crate::backends::file::tests::samples::gauge;
use crate::backends::file::write::shared_compaction;
use crate::backends::file::write::shared_file::SharedFile;
use crate::model::descriptor::GaugeMode;
use crate::model::number::Number;

/// Task of a child: count 1000, then begin and end this many series.
pub(crate) const CHURN: &str = "churn";
pub(crate) const CHURN_LONG: &str = "churn long";

/// The name of a file that belongs to no process.
const NOBODY: FileId = FileId(0);

/// The number of series at a time.
const LIVE: u32 = 10;
/// Enough series to make the log long enough for a compaction, and some more.
const ROUND: u32 = 2_000;
/// The number of series in the long run.
pub(crate) const LONG: u32 = 100_000;

fn text(number: u32) -> String {
    format!("{number:0>200}")
}

/// Begins a series for each of these numbers and counts 1 in it; the last few of all stay. Counts 1 in another series
/// each time.
pub(crate) fn churn(process: &Process, series: [CellAddr; 2], numbers: Range<u32>) {
    let family = jobs();
    let cell = |at: CellAddr| &process.file.page(1, at.page).expect("there is room").cells()[at.cell as usize];
    for number in numbers {
        let at = CellAddr { page: 100, cell: number % LIVE };
        if number >= LIVE {
            process.file.free_series(at);
            cell(at).store(0, Relaxed);
        }
        let key = SeriesKey::new(&family, &[&text(number)]);
        let begun = NewSeries { family: &family, series: &key, at, is_zero_series: false };
        process.file.add_series(&begun).expect("there is room");
        cell(at).store(1, Relaxed);
        process.count(series, 1, 0.0);
    }
}

fn length(directory: &Directory) -> u64 {
    let lengths = directory.list().expect("it is there").into_iter().map(|(_, path)| path.metadata());
    lengths.map(|metadata| metadata.expect("it is there").len()).sum()
}

/// Returns the count of a series of a process that has not ended it.
fn counted(peer: &Peer, is_it: impl Fn(&str) -> bool) -> Vec<f64> {
    let live = peer.series().iter().enumerate().filter(|(_, series)| !series.ended && is_it(series.key.parts().1));
    let read = live.map(|(place, _)| {
        let mut amounts = [ExactAmount::default()];
        peer.read(place, &mut amounts);
        amounts[0].number().as_f64()
    });
    read.collect()
}

#[test]
fn compaction_keeps_a_file_short_while_it_is_read() {
    let (_around, directory) = fresh();
    let mut process = child::start(CHURN_LONG, directory.path(), None);
    while peers(&directory).iter().all(|peer| peer.series().is_empty()) {
        assert!(process.try_wait().expect("it can be waited for").is_none(), "it has ended without a series");
        thread::yield_now();
    }
    let mut peer = peers(&directory).pop().expect("its file");
    let (mut logs, mut most, mut last, mut fresh_last) = (0, 0, 0.0, 0.0);
    loop {
        let is_over = process.try_wait().expect("it can be waited for").is_some();
        let generation = peer.generation();
        peer.refresh().unwrap_or_else(|skipped| panic!("{skipped}"));
        logs += u32::from(peer.generation() != generation);
        most = most.max(peer.series().len());
        let passing = counted(&peer, |text| text.contains("000"));
        assert!(passing.len() <= LIVE as usize, "{passing:?}");
        assert!(passing.iter().all(|one| *one <= 1.0), "{passing:?}");
        for (last, now) in [
            (&mut last, counted(&peer, |text| text == "queue=\"a\"")[0]),
            (&mut fresh_last, shown(&directory)["jobs_total{queue=\"a\"}"].as_f64()),
        ] {
            assert!(now >= *last, "{now} after {last}");
            *last = now;
        }
        if is_over {
            break;
        }
    }
    assert!(process.wait().expect("it has ended").success());
    assert!(logs > 0, "no other log was seen");
    assert!(most < 3_000, "{most} series are remembered");
    assert!(length(&directory) < 1024 * 1024, "{} bytes", length(&directory));
    let last = (LONG - LIVE..LONG).map(|number| (format!("jobs_total{{queue=\"{}\"}}", text(number)), Number::Int(1)));
    let mut expected: Shown = last.collect();
    expected.extend(numbers([("queue=\"a\"", f64::from(LONG) + 1000.0)]));
    let texts = |shown: &Shown| {
        shown.iter().map(|(series, number)| format!("{series} {}", number.as_f64())).collect::<Vec<_>>()
    };
    assert_eq!(texts(&shown(&directory)), texts(&expected));
    fold_all(&directory);
    assert_eq!(shown(&directory).len(), expected.len());
}

#[test]
fn a_crash_at_any_failpoint_of_compaction_loses_no_count() {
    for point in COMPACTION_POINTS {
        for time in [1, 2, 3] {
            let (_around, directory) = fresh();
            let shown = || shown(&directory);
            let status = child::run(CHURN, directory.path(), Some(&format!("{point}:{time}")));
            assert!(!status.success(), "nobody comes by at {point}");
            for when in ["before", "after"] {
                let mut shown = shown();
                let counted = shown.remove("jobs_total{queue=\"a\"}").map_or(0.0, Number::as_f64);
                // The log is long when a series has ended and another one is about to begin.
                assert_eq!(shown.len(), LIVE as usize - 1, "{point}, {when} it is folded");
                let last = shown.keys().next_back().expect("there are some");
                let last: u32 = last.trim_matches(|char: char| !char.is_ascii_digit()).parse().expect("a number");
                assert_eq!(counted.to_string(), (f64::from(last) + 1001.0).to_string(), "{point}, {when} it is folded");
                assert!(shown.values().all(|number| number.as_f64().to_bits() == 1_f64.to_bits()));
                fold_all(&directory);
            }
        }
    }
}

#[test]
fn a_removal_survives_compactions() {
    let (_around, directory) = fresh();
    let mut other = Process::begin(&directory);
    other.count_in(&jobs(), &["gone"], 7, 0.25);
    let mut process = Process::begin(&directory);
    let passing = process.series(&jobs(), &["a"], false);
    // The series' number differs from its index.
    churn(&process, passing, 0..100);
    let gone = process.series(&jobs(), &["gone"], true);
    process.count(gone, 5, 0.5);
    let generation = |process: &Process| {
        let peer = peers(&directory).into_iter().find(|peer| peer.id() == process.id()).expect("its file");
        peer.generation()
    };
    let value = || shown(&directory).get("jobs_total{queue=\"gone\"}").map(|number| number.as_f64());
    assert_eq!(value(), Some(12.75));
    remove_all(&directory, other.id(), &jobs(), &["gone"]);
    // In its own file, the other process frees the series itself.
    drop(other);
    fold_all(&directory);
    remove_all(&directory, NOBODY, &jobs(), &["gone"]);
    assert_eq!(value(), None);
    let before = generation(&process);
    churn(&process, passing, 100..100 + ROUND);
    let second = generation(&process);
    assert_ne!(second, before, "there is another log");
    assert_eq!(value(), None);
    process.count(gone, 2, 0.0);
    assert_eq!(value(), Some(2.0));
    // It is removed once more, by its number in the second log.
    remove_all(&directory, NOBODY, &jobs(), &["gone"]);
    assert_eq!(value(), None);
    churn(&process, passing, 100 + ROUND..100 + 2 * ROUND);
    assert_ne!(generation(&process), second, "there is another log");
    process.count(gone, 0, 1.5);
    assert_eq!(value(), Some(1.5));
    drop(process);
    assert_eq!(value(), Some(1.5));
    assert_eq!(fold_all(&directory).files, 1);
    assert_eq!(value(), Some(1.5));
    assert_eq!(shown(&directory)["jobs_total{queue=\"a\"}"].as_f64().to_string(), (100 + 2 * ROUND).to_string());
}

/// Task of a child: set many shared series, and remove most of them.
pub(crate) const SHARE: &str = "share";

pub(crate) fn share(shared: &SharedFile) {
    let family = gauge("shared", GaugeMode::Shared);
    for number in 0..1000 {
        let key = SeriesKey::new(&family, &[&text(number)]);
        let at = shared.find_or_add(&family, &key, false).expect("there is room");
        let page = shared.page(at.page).expect("it has just been named");
        page.cells()[at.cell as usize].store(f64::from(number).to_bits(), Relaxed);
        if number % 100 != 7 {
            shared.remove(at).expect("there is room");
        }
    }
}

#[test]
fn a_crash_at_any_failpoint_leaves_the_shared_file_whole() {
    for point in [None, Some(SHARED_COMPACTION_POINTS[0]), Some(SHARED_COMPACTION_POINTS[1])] {
        let (_around, directory) = fresh();
        assert!(child::run(SHARE, directory.path(), None).success());
        let before = directory.shared_file().metadata().expect("it is there").len();
        assert_eq!(child::run("attach", directory.path(), point).success(), point.is_none(), "{point:?}");
        let _next = Process::begin(&directory);
        assert!(directory.shared_file().metadata().expect("it is there").len() < before / 2, "{point:?}");
        let shared = shared_compaction::open(&directory.shared_file()).expect("it is whole");
        let (mut values, mut all) = (Vec::new(), 0);
        shared.each(|_, _, series| {
            all += 1;
            values.extend(shared.value(series.at));
        });
        assert_eq!((values, all), ((0..10).map(|hundreds| f64::from(hundreds * 100 + 7)).collect(), 10), "{point:?}");
        assert!(!names(&directory).contains(&"new-shared".to_owned()), "{point:?}");
    }
}

pub(crate) fn task(process: &mut Process, long: bool) {
    let series = process.series(&jobs(), &["a"], false);
    process.count(series, 1000, 0.0);
    churn(process, series, 0..if long { LONG } else { 3 * ROUND });
}
