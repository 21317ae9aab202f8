//! Round trips from the writer of a file to its reader, at any moment.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::*;
use crate::backends::custom::NewSeries;
use crate::backends::file::format::exact_amount::ExactAmount;
use crate::backends::file::read::peer::Peer;
use crate::backends::file::tests::samples::{self, Sample, at};
use crate::backends::file::write::shared_compaction;
use crate::model::descriptor::Kind;
use crate::model::number::Number;
use crate::sync;

/// Random numbers: [xorshift, G. Marsaglia, 2003](https://doi.org/10.18637/jss.v008.i14).
struct Random(Cell<u64>);

impl Random {
    fn below(&self, end: u32) -> u32 {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        u32::try_from(x % u64::from(end)).unwrap()
    }
}

fn parts(peer: &Peer, series: usize) -> Vec<Number> {
    let mut parts = vec![ExactAmount::default(); peer.families()[peer.series()[series].family as usize].part_count()];
    peer.read(series, &mut parts);
    parts.iter().map(ExactAmount::number).collect()
}

/// A series as a reader should find it: the parts of a counter, or of a histogram of three buckets.
struct Expected {
    number: u32,
    at: CellAddr,
    kind: Kind,
    labels: [String; 2],
    parts: Vec<Number>,
    extra: Option<CellAddr>,
}

/// Counts the log generations in a file with frequent checks for compaction.
fn write_and_read(seed: u64, often: bool) -> usize {
    let random = Random(Cell::new(seed));
    let sample = Sample::new();
    if often {
        sample.own.compact_often();
    }
    let ends = if often { 4..8 } else { 4..5 };
    let mut logs = 1;
    let families = [Kind::Counter, Kind::Histogram].map(|kind| samples::family(kind, "n"));
    let mut peer = Peer::open(&sample.path).unwrap();
    let mut live: Vec<Expected> = Vec::new();
    // Free runs of 8 cells, as the storage hands them out.
    let mut free: Vec<CellAddr> = (1..4).flat_map(|page| (0..64).map(move |run| at(page, run * 8))).rev().collect();
    let mut next = 0;
    for step in 0..600 {
        match random.below(10) {
            0..4 if !free.is_empty() => {
                let at = free.pop().unwrap();
                let kind = [Kind::Counter, Kind::Histogram][random.below(2) as usize];
                let labels = [random.below(1000).to_string(), "\"\n".repeat(random.below(40) as usize)];
                let family = &families[usize::from(kind == Kind::Histogram)];
                // Another value of the same kind belongs to the same family.
                let family = if random.below(4) == 0 { &samples::family(kind, "n") } else { family };
                sample.begin(family, &[&labels[0], &labels[1]], at, false);
                let parts = vec![Number::Int(0); family.part_count()];
                live.push(Expected { number: next, at, kind, labels, parts, extra: None });
                next += 1;
            }
            kind if ends.contains(&kind) && !live.is_empty() => {
                let ended = live.swap_remove(random.below(u32::try_from(live.len()).unwrap()) as usize);
                sample.own.free_series(ended.at);
                for shard in 0..4 {
                    let page = sample.own.page(shard, ended.at.page).unwrap();
                    page.cells()[ended.at.cell as usize..][..8].iter().for_each(|cell| cell.store(0, Relaxed));
                }
                free.push(ended.at);
            }
            _ if !live.is_empty() => {
                let place = random.below(u32::try_from(live.len()).unwrap()) as usize;
                let one = &mut live[place];
                let (shard, amount) = (random.below(4), f64::from(random.below(100)) / 4.0);
                if one.kind == Kind::Histogram {
                    let bucket = random.below(3) as usize;
                    sample.observe(shard, one.at, bucket, amount);
                    one.parts[bucket] = one.parts[bucket] + Number::Int(1);
                    one.parts[3] = one.parts[3] + Number::Float(amount);
                } else if random.below(3) == 0 {
                    let extra = *one.extra.get_or_insert_with(|| {
                        let extra = CellAddr { cell: one.at.cell + 1, ..one.at };
                        sample.own.add_cells(one.at, extra).unwrap();
                        extra
                    });
                    let cell = &sample.own.page(shard, extra.page).unwrap().cells()[extra.cell as usize];
                    cell.store((f64::from_bits(cell.load(Relaxed)) + amount).to_bits(), Relaxed);
                    one.parts[0] = one.parts[0] + Number::Float(amount);
                } else {
                    sample.add(shard, one.at, 0, 3);
                    one.parts[0] = one.parts[0] + Number::Int(3);
                }
            }
            _ => {}
        }
        if step % 50 == 49 || random.below(20) == 0 {
            let generation = peer.generation();
            peer.refresh().unwrap_or_else(|skipped| panic!("{skipped}"));
            logs += usize::from(peer.generation() != generation);
            assert!(live.iter().all(|one| peer.counts(one.number)));
            assert!(peer.series().len() == next as usize || often);
            assert_eq!(peer.series().iter().filter(|series| !series.ended).count(), live.len());
            for one in &live {
                let place = peer.series().iter().position(|series| series.number == one.number).unwrap();
                let series = &peer.series()[place];
                assert_eq!(parts(&peer, place), one.parts, "step {step}");
                assert_eq!((series.at, series.extra), (one.at, one.extra));
                let labels = series.key.labels(&peer.families()[series.family as usize]);
                assert!(labels.values().eq(one.labels.iter().map(String::as_str)));
            }
            assert!(peer.families().len() <= 2);
        }
    }
    let other = Peer::open(&sample.path).unwrap();
    peer.refresh().unwrap();
    assert_eq!(other.series().len(), peer.series().len());
    assert!((0..peer.series().len()).all(|series| parts(&other, series) == parts(&peer, series)));
    logs
}

#[test]
fn a_writer_file_is_read_back_as_written() {
    for seed in 1..=20_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        eprintln!("seed {seed}");
        assert_eq!(write_and_read(seed, false), 1);
        assert!(write_and_read(seed, true) > 1);
    }
}

#[test]
fn a_log_of_any_length_is_read() {
    let sample = Sample::new();
    let family = samples::family(Kind::Counter, "c_total");
    let mut peer = Peer::open(&sample.path).unwrap();
    let places: Vec<CellAddr> = (0..3000).map(|place| at(1 + place / 512, place % 512)).collect();
    for (number, at) in places.iter().enumerate() {
        let long = "x".repeat(if number % 100 == 0 { 30_000 } else { number % 70 });
        sample.begin(&family, &[&number.to_string(), &long], *at, false);
        sample.add(1, *at, 0, number as u64);
        if number % 700 == 0 {
            assert!(peer.refresh().unwrap());
        }
    }
    assert!(peer.refresh().unwrap());
    let other = Peer::open(&sample.path).unwrap();
    for number in 0..places.len() {
        assert_eq!(parts(&peer, number), [Number::Int(number as u64)]);
        assert_eq!(parts(&other, number), [Number::Int(number as u64)]);
    }
    // The end of a series can be written even when the disk is full.
    let len = std::fs::metadata(&sample.path).unwrap().len();
    let taken = sync::lock(&sample.own.log).written.allocator.clone();
    for at in &places {
        sample.own.free_series(*at);
    }
    assert_eq!(std::fs::metadata(&sample.path).unwrap().len(), len);
    assert_eq!(format!("{taken:?}"), format!("{:?}", sync::lock(&sample.own.log).written.allocator));
    assert!(peer.refresh().unwrap());
    assert!(peer.series().iter().all(|series| series.ended));
}

/// A file with or without room to grow.
struct Switch {
    good: Arc<File>,
    bad: File,
    is_good: Arc<AtomicBool>,
}

impl Deref for Switch {
    type Target = File;

    fn deref(&self) -> &File {
        if self.is_good.load(Acquire) { &self.good } else { &self.bad }
    }
}

#[test]
fn a_file_without_room_to_grow_stays_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("process");
    let is_good = Arc::new(AtomicBool::new(true));
    let good = samples::new_file(&path);
    let switch = Switch { good, bad: File::open(&path).unwrap(), is_good: Arc::clone(&is_good) };
    let shared = Arc::new(shared_compaction::open(&directory.path().join("shared")).unwrap());
    let own = WriterFile::create(switch, samples::header(), shared, Box::new(|act| act())).unwrap();
    let family = samples::family(Kind::Counter, "c_total");
    let mut expected = BTreeMap::new();
    for place in 0..400 {
        is_good.store(place % 3 != 0, Release);
        let at = at(1 + place, 0);
        let series = SeriesKey::new(&family, &[&place.to_string()]);
        let begun = own.add_series(&NewSeries { family: &family, series: &series, at, is_zero_series: false });
        let page = own.page(1, at.page);
        assert_eq!((begun.is_ok(), page.is_some()), (place % 3 != 0, place % 3 != 0));
        if let Some(page) = page {
            page.cells()[0].store(1 + u64::from(place), Relaxed);
            expected.insert(place.to_string(), 1 + u64::from(place));
        }
    }
    let peer = Peer::open(&path).unwrap();
    assert_eq!(peer.series().len(), expected.len());
    for (number, series) in peer.series().iter().enumerate() {
        let labels = series.key.labels(&peer.families()[0]);
        assert_eq!(parts(&peer, number), [Number::Int(expected[labels.get("a").unwrap()])]);
    }
}

#[test]
fn a_compaction_without_room_keeps_the_long_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("process");
    let is_good = Arc::new(AtomicBool::new(true));
    let good = samples::new_file(&path);
    let switch = Switch { good, bad: File::open(&path).unwrap(), is_good: Arc::clone(&is_good) };
    let shared = Arc::new(shared_compaction::open(&directory.path().join("shared")).unwrap());
    let own = WriterFile::create(switch, samples::header(), shared, Box::new(|act| act())).unwrap();
    own.compact_often();
    let family = samples::family(Kind::Counter, "c_total");
    let page = own.page(1, 1).unwrap();
    let mut peer = Peer::open(&path).unwrap();
    let mut logs = 0;
    for place in 0..2000 {
        is_good.store(place % 3 != 0, Release);
        let series = SeriesKey::new(&family, &[&place.to_string()]);
        let begun = own.add_series(&NewSeries {
            family: &family,
            series: &series,
            at: at(1, place % 4),
            is_zero_series: false,
        });
        assert_eq!(begun.is_ok(), place % 3 != 0);
        if place % 3 != 0 {
            page.cells()[place as usize % 4].store(1 + u64::from(place), Relaxed);
            let generation = peer.generation();
            peer.refresh().unwrap();
            logs += usize::from(peer.generation() != generation);
            assert_eq!(parts(&peer, peer.series().len() - 1), [Number::Int(1 + u64::from(place))]);
            assert_eq!(peer.series().iter().filter(|series| !series.ended).count(), 1);
            own.free_series(at(1, place % 4));
            page.cells()[place as usize % 4].store(0, Relaxed);
        }
    }
    assert!(logs > 10, "{logs} logs");
    assert!(std::fs::metadata(&path).unwrap().len() <= 2 * 65_536);
}

#[test]
fn threads_share_pages_and_write_the_log_one_at_a_time() {
    let sample = Sample::new();
    let family = samples::family(Kind::Counter, "c_total");
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (sample, family) = (&sample, &family);
            scope.spawn(move || {
                for place in 0..300 {
                    let at = at(1 + thread, place);
                    sample.begin(family, &[&thread.to_string(), &place.to_string()], at, false);
                    sample.add(0, at, 0, 1);
                    // Shared by all threads.
                    sample.add(0, samples::at(9, place), 0, 1);
                }
            });
        }
    });
    let peer = Peer::open(&sample.path).unwrap();
    assert_eq!(peer.series().len(), 1200);
    assert!((0..1200).all(|series| parts(&peer, series) == [Number::Int(1)]));
    let page = sample.own.page(0, 9).unwrap();
    assert!(page.cells()[..300].iter().all(|cell| cell.load(Relaxed) == 4));
}
