//! Several processes in one: each has a file of its own, and an `flock` belongs to an open file.

mod gauges;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::backends::custom::{Arena, Backend, CellAddr, FamilyKey, NewSeries, Removal, SeriesKey, Totals, WriterId};
use crate::backends::file::MultiProcessFileBackend;
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::snapshot::Number;
use crate::storage::Page;

/// Stands for a process: its backend and its series.
struct Process {
    backend: MultiProcessFileBackend,
    arena: Arc<dyn Arena>,
    next: u32,
}

/// A registered series.
#[derive(Clone, Copy)]
struct Series(&'static Page, CellAddr);

impl Process {
    fn start(directory: &tempfile::TempDir) -> Self {
        let backend = MultiProcessFileBackend::new(directory.path()).expect("the directory is fine");
        let arena = backend.arena().expect("it is open");
        arena.publish().expect("nothing is in the way");
        Self { backend, arena, next: 0 }
    }

    fn begin(&mut self, family: &Arc<FamilyKey>, values: &[&str]) -> Series {
        let cells = u32::try_from(family.cells()).expect("few");
        let at = CellAddr { page: 1 + self.next / 500, cell: self.next % 500 };
        self.next += cells;
        self.begin_at(family, values, at, false)
    }

    fn begin_at(&self, family: &Arc<FamilyKey>, values: &[&str], at: CellAddr, is_zero_series: bool) -> Series {
        let series = SeriesKey::new(family, values);
        let page = self.arena.page(0, at.page).expect("there is room");
        self.arena.add_series(&NewSeries { family, series: &series, at, is_zero_series }).expect("there is room");
        Series(page, at)
    }

    /// Scrapes this process.
    fn scrape(&self) -> Vec<String> {
        let mut totals = Totals::new(Cow::Borrowed(""), []);
        self.backend.load(&mut totals).expect("the files are fine");
        let (_, families) = totals.finish();
        let lines = families.iter().flat_map(|family| {
            let name = family.descriptor().name().to_owned();
            family
                .iter()
                .map(move |(labels, parts)| {
                    let parts: Vec<_> = parts.iter().map(|part| part.as_f64().to_string()).collect();
                    format!("{name}{{{}}} {}", labels.exposed(), parts.join(" "))
                })
                .collect::<Vec<_>>()
        });
        lines.collect()
    }

    fn remove(&self, family: &Arc<FamilyKey>, values: &[&str]) {
        self.backend.remove(&removal(family, values)).expect("nothing is in the way");
    }

    /// Ends the process as a kill would: without a shutdown.
    fn kill(self) {
        drop(self);
    }
}

fn removal(family: &Arc<FamilyKey>, values: &[&str]) -> Removal {
    let series = vec![(Arc::clone(family), SeriesKey::new(family, values))];
    Removal { writer: WriterId::random(), sequence: 1, series }
}

impl Series {
    fn add(self, amount: u64) {
        let cell = &self.0.cells()[self.1.cell as usize];
        cell.store(cell.load(Relaxed) + amount, Relaxed);
    }

    fn set(self, value: f64, stamp: u64) {
        let value = if value == 0.0 { -0.0 } else { value };
        self.0.cells()[self.1.cell as usize].store(value.to_bits(), Relaxed);
        self.0.cells()[self.1.cell as usize + 2].store(stamp, Relaxed);
    }
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory for the test")
}

fn family(kind: Kind, name: &'static str) -> Arc<FamilyKey> {
    let descriptor = Descriptor::new(kind, name, "Help.").and_then(|family| family.with_labels(["a"]));
    Arc::new(FamilyKey::new("", descriptor.expect("a good descriptor")))
}

fn gauge(mode: GaugeMode) -> Arc<FamilyKey> {
    let mut descriptor = family(Kind::Gauge, "level").descriptor().clone();
    descriptor.mode = mode;
    Arc::new(FamilyKey::new("", descriptor))
}

fn files(directory: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(directory.path()).expect("it is there");
    let names = entries.map(|entry| entry.expect("it can be read").file_name().into_string().expect("plain"));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn processes(directory: &tempfile::TempDir) -> usize {
    files(directory).iter().filter(|name| name.starts_with("process-")).count()
}

#[test]
fn every_process_shows_the_totals_of_all() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    let (mut one, mut other) = (Process::start(&directory), Process::start(&directory));
    one.begin(&hits, &["x"]).add(2);
    other.begin(&hits, &["x"]).add(3);
    other.begin(&hits, &["b"]).add(5);
    let expected = [r#"hits_total{a="b"} 5"#, r#"hits_total{a="x"} 5"#];
    assert_eq!(one.scrape(), expected);
    assert_eq!(other.scrape(), expected);
    // A new series, and one with further counts.
    one.begin(&hits, &["c"]).add(1);
    assert_eq!(other.scrape(), [expected[0], r#"hits_total{a="c"} 1"#, expected[1]]);
}

#[test]
fn ended_processes_stay_in_the_totals_without_their_files() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    let level = gauge(GaugeMode::LiveSum);
    let survivor = Process::start(&directory);
    for _ in 0..3 {
        let mut process = Process::start(&directory);
        process.begin(&hits, &["x"]).add(7);
        process.begin(&level, &["x"]).set(1.5, 1);
        assert_eq!(survivor.scrape().last().map(String::as_str), Some(r#"level{a="x"} 1.5"#));
        process.kill();
    }
    for _ in 0..3 {
        assert_eq!(survivor.scrape(), [r#"hits_total{a="x"} 21"#]);
        assert_eq!(processes(&directory), 1, "{:?}", files(&directory));
    }
}

#[test]
fn a_process_that_closes_leaves_its_counts_and_no_file() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    let mut process = Process::start(&directory);
    process.begin(&hits, &["x"]).add(7);
    process.backend.close().expect("nothing is in the way");
    assert_eq!(processes(&directory), 0, "{:?}", files(&directory));
    assert!(process.backend.arena().is_none());
    assert!(process.arena.page(0, 9).is_none(), "what is counted from now on is dropped");
    assert_eq!(process.scrape(), [r#"hits_total{a="x"} 7"#]);
    assert_eq!(Process::start(&directory).scrape(), [r#"hits_total{a="x"} 7"#]);
}

#[test]
fn a_starting_process_archives_many_ended_ones() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    for _ in 0..100 {
        let mut process = Process::start(&directory);
        process.begin(&hits, &["x"]).add(1);
        process.kill();
        assert!(processes(&directory) <= 32);
    }
    assert_eq!(Process::start(&directory).scrape(), [r#"hits_total{a="x"} 100"#]);
}

#[test]
fn a_removed_series_shows_again_after_the_next_count() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    let (mut ended, mut one, mut other) =
        (Process::start(&directory), Process::start(&directory), Process::start(&directory));
    ended.begin(&hits, &["x"]).add(100);
    ended.kill();
    let of_one = one.begin(&hits, &["x"]);
    of_one.add(10);
    let of_other = other.begin(&hits, &["x"]);
    of_other.add(20);
    assert_eq!(one.scrape(), [r#"hits_total{a="x"} 130"#]);
    // In the core's order: first here, then everywhere.
    one.arena.free_series(of_one.1);
    one.remove(&hits, &["x"]);
    assert_eq!(one.scrape(), [""; 0]);
    assert_eq!(other.scrape(), [""; 0]);
    of_other.add(1);
    assert_eq!(one.scrape(), [r#"hits_total{a="x"} 1"#]);
    one.begin(&hits, &["x"]).add(2);
    assert_eq!(other.scrape(), [r#"hits_total{a="x"} 3"#]);
    other.kill();
    assert_eq!(one.scrape(), [r#"hits_total{a="x"} 3"#]);
    assert_eq!(one.scrape(), [r#"hits_total{a="x"} 3"#]);
}

#[test]
fn a_second_removal_takes_no_later_count() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    let (one, mut other) = (Process::start(&directory), Process::start(&directory));
    let of_other = other.begin(&hits, &["x"]);
    of_other.add(20);
    // A scrape and a background thread may both handle it.
    let told_twice = removal(&hits, &["x"]);
    for counted in [3, 4] {
        one.backend.remove(&told_twice).expect("nothing is in the way");
        of_other.add(counted);
    }
    assert_eq!(one.scrape(), [r#"hits_total{a="x"} 7"#]);
    one.remove(&hits, &["x"]);
    assert_eq!(one.scrape(), [""; 0], "another removal");
}

#[test]
fn a_removed_gauge_shows_again_once_it_is_set() {
    let directory = directory();
    let level = gauge(GaugeMode::LiveMax);
    let (one, mut other) = (Process::start(&directory), Process::start(&directory));
    let series = other.begin(&level, &["x"]);
    series.set(4.0, 1);
    assert_eq!(one.scrape(), [r#"level{a="x"} 4"#]);
    one.remove(&level, &["x"]);
    assert_eq!(one.scrape(), [""; 0]);
    series.set(0.0, 2);
    assert_eq!(one.scrape(), [r#"level{a="x"} 0"#]);
}

#[test]
fn a_shared_gauge_is_one_value_and_outlives_its_processes() {
    let directory = directory();
    let level = gauge(GaugeMode::Shared);
    let key = SeriesKey::new(&level, &["x"]);
    let (one, other) = (Process::start(&directory), Process::start(&directory));
    let places = [&one, &other].map(|process| process.arena.shared_cells(&level, &key, false).expect("there is room"));
    assert_eq!(places[0], places[1]);
    assert_eq!(one.scrape(), [""; 0], "nobody has set it");
    let page = other.arena.page(0, places[1].page).expect("it is there");
    Series(page, places[1]).set(3.0, 0);
    assert_eq!(one.scrape(), [r#"level{a="x"} 3"#]);
    // In-progress counts of one process.
    let at = CellAddr { page: 1, cell: 0 };
    let progress = other.arena.page(1, 1).expect("there is room");
    other.arena.add_cells(places[1], at).expect("there is room");
    Series(progress, at).add(2);
    assert_eq!(one.scrape(), [r#"level{a="x"} 5"#]);
    other.kill();
    assert_eq!(one.scrape(), [r#"level{a="x"} 3"#]);
    // A removal of the shared series.
    one.arena.free_series(places[0]);
    assert_eq!(one.scrape(), [""; 0]);
    assert_eq!(Process::start(&directory).scrape(), [""; 0]);
}

#[test]
fn the_newest_live_process_decides_the_kind_of_a_family() {
    let directory = directory();
    let (counter, gauge) = (family(Kind::Counter, "level"), gauge(GaugeMode::LiveSum));
    let (mut elder, mut younger) = (Process::start(&directory), Process::start(&directory));
    elder.begin(&counter, &["x"]).add(2);
    assert_eq!(younger.scrape(), [r#"level{a="x"} 2"#]);
    younger.begin(&gauge, &["x"]).set(1.5, 1);
    assert_eq!(elder.scrape(), [r#"level{a="x"} 1.5"#]);
    younger.kill();
    assert_eq!(elder.scrape(), [r#"level{a="x"} 2"#]);
    assert_eq!(elder.scrape(), [r#"level{a="x"} 2"#]);
}

#[test]
fn a_scrape_goes_on_while_series_come_and_go() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    let (scraper, mut other) = (Process::start(&directory), Process::start(&directory));
    other.begin(&hits, &["x"]).add(1);
    std::thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for round in 0..2_000_u32 {
                let at = CellAddr { page: 2, cell: 0 };
                let series = other.begin_at(&hits, &[&round.to_string()], at, false);
                series.0.cells()[0].store(u64::from(round) + 10, Relaxed);
                other.arena.free_series(at);
                series.0.cells()[0].store(0, Relaxed);
            }
        });
        let mut seen = 0;
        while !churn.is_finished() || seen == 0 {
            for line in scraper.scrape() {
                let value = line.rsplit_once(' ').expect("a value").1;
                let label = line.split('"').nth(1).expect("a label");
                let expected = label.parse().map_or(1, |round: u32| round + 10).to_string();
                assert!(value == expected || value == "0", "{line}");
            }
            seen += 1;
        }
    });
    assert_eq!(scraper.scrape(), [r#"hits_total{a="x"} 1"#]);
}

#[test]
fn in_progress_counts_keep_their_owner_while_cells_are_reused() {
    let directory = directory();
    let level = gauge(GaugeMode::Shared);
    let (scraper, other) = (Process::start(&directory), Process::start(&directory));
    let place = |label| {
        let key = SeriesKey::new(&level, &[label]);
        other.arena.shared_cells(&level, &key, false).expect("there is room")
    };
    let (stays, passing) = (place("stays"), [("5", 5), ("7", 7)].map(|(label, work)| (place(label), work)));
    let begin = |series, at: CellAddr, work| {
        let page = other.arena.page(1, at.page).expect("there is room");
        other.arena.add_cells(series, at).expect("there is room");
        page.cells()[at.cell as usize].store(work, Relaxed);
    };
    begin(stays, CellAddr { page: 1, cell: 10 }, 2);
    std::thread::scope(|scope| {
        let churn = scope.spawn(|| {
            // In the same cells, one after the other.
            let at = CellAddr { page: 1, cell: 0 };
            for (series, work) in std::iter::repeat_n(passing, 4_000).flatten() {
                begin(series, at, work);
                other.arena.free_series(series);
                other.arena.page(1, at.page).expect("it is there").cells()[at.cell as usize].store(0, Relaxed);
            }
        });
        while !churn.is_finished() {
            let shown = scraper.scrape();
            let right = [r#"level{a="5"} 5"#, r#"level{a="7"} 7"#, r#"level{a="stays"} 2"#];
            assert!(shown.iter().all(|line| right.contains(&line.as_str())), "{shown:?}");
            assert!(shown.iter().any(|line| line == right[2]), "{shown:?}");
        }
    });
    assert_eq!(scraper.scrape(), [r#"level{a="stays"} 2"#]);
}

/// Prints the time it takes, for people: `cargo test --release -p pytheus --lib ten_thousand -- --nocapture`.
#[test]
fn ten_thousand_series_of_eight_processes_add_up() {
    let directory = directory();
    let hits = family(Kind::Counter, "hits_total");
    let mut all: Vec<_> = (0..8).map(|_| Process::start(&directory)).collect();
    for process in &mut all {
        (0..10_000).for_each(|series| process.begin(&hits, &[&format!("series-{series}")]).add(1));
    }
    for round in 0..5 {
        let start = std::time::Instant::now();
        let mut totals = Totals::new(Cow::Borrowed(""), []);
        all[0].backend.load(&mut totals).expect("the files are fine");
        let took = start.elapsed();
        let (_, families) = totals.finish();
        assert_eq!(families[0].len(), 10_000);
        assert!(families[0].parts().iter().all(|part| *part == Number::Int(8)));
        eprintln!("scrape {round}: {took:?}");
    }
}
