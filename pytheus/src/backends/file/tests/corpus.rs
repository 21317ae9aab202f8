//! The seed files of the fuzzer. Later versions have to read them, too: the files that are written today equal the
//! stored
//! ones.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::backends::custom::{Arena as _, FamilyKey, SeriesKey};
use crate::backends::file::archive::codec;
use crate::backends::file::archive::data::{Archive, ArchivedFamily, Tombstone};
use crate::backends::file::format::exact_amount::ExactAmount;
use crate::backends::file::format::file_id::FileId;
use crate::backends::file::format::header::LOG;
use crate::backends::file::format::record::Record;
use crate::backends::file::format::superblock::COMMITTED;
use crate::backends::file::fuzz::fuzz_read;
use crate::backends::file::tests::samples::{self, Sample, at, family, gauge, header};
use crate::model::descriptor::{GaugeMode, Kind};
use crate::storage::ExactSum;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/file")
}

/// Cuts the zeros at the end of a file, in whole pages.
fn pages(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).expect("it was written");
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end.next_multiple_of(4096).max(4096));
    bytes
}

fn churned() -> Vec<u8> {
    let sample = Sample::new();
    let counter = family(Kind::Counter, "c_total");
    for round in 0..20_u32 {
        sample.begin(&counter, &[&round.to_string()], at(1, round % 3), round % 2 == 0);
        sample.add(1, at(1, round % 3), 0, u64::from(round));
        if round >= 2 {
            sample.own.free_series(at(1, (round + 1) % 3));
        }
    }
    pages(&sample.path)
}

/// A file with a compacted log.
fn compacted() -> Vec<u8> {
    let sample = Sample::new();
    sample.own.compact_often();
    let counter = family(Kind::Counter, "c_total");
    let shared = gauge("g", GaugeMode::Shared);
    let other = sample.own.shared_cells(&shared, &SeriesKey::new(&shared, &["1"]), true).expect("there is room");
    sample.own.add_cells(other, at(1, 60)).expect("there is room");
    for round in 0..40_u32 {
        sample.begin(&counter, &[&round.to_string()], at(1, round % 3 * 2), round % 2 == 0);
        sample.own.add_cells(at(1, round % 3 * 2), at(1, round % 3 * 2 + 1)).expect("there is room");
        sample.add(1, at(1, round % 3 * 2), 0, u64::from(round));
        if round >= 2 {
            sample.own.free_series(at(1, (round + 1) % 3 * 2));
        }
    }
    pages(&sample.path)
}

fn all_modes() -> Vec<u8> {
    let sample = Sample::new();
    let modes = [GaugeMode::LiveSum, GaugeMode::LiveMax, GaugeMode::MostRecent, GaugeMode::PerProcess];
    for (place, mode) in (0..).zip(modes) {
        sample.begin(&gauge("g", mode), &["\"\\\n"], at(1, place * 5), false);
        sample.own.add_cells(at(1, place * 5), at(1, place * 5 + 3)).expect("there is room");
        sample.set(0, at(1, place * 5), 0, f64::NAN);
        sample.add(1, at(1, place * 5 + 3), 0, 1);
    }
    pages(&sample.path)
}

fn shared_file() -> Vec<u8> {
    let sample = Sample::new();
    let states = family(Kind::StateSet, "s");
    let shared = gauge("g", GaugeMode::Shared);
    let first = sample.own.shared_cells(&shared, &SeriesKey::new(&shared, &["1"]), true).expect("there is room");
    sample.set(0, first, 0, 1.5);
    sample.own.shared_cells(&shared, &SeriesKey::new(&shared, &["2"]), false).expect("there is room");
    let up = sample.own.shared_cells(&states, &SeriesKey::new(&states, &[]), true).expect("there is room");
    sample.add(0, up, 0, 1);
    sample.shared.remove(first).expect("there is room");
    let mut bytes = pages(&sample.directory.path().join("shared"));
    // This file alone has a header with the identity of a process and its start.
    bytes[..72]
        .copy_from_slice(&crate::backends::file::format::header::Header { first_extent: 12_288, ..header() }.encode());
    bytes
}

/// A log in two extents, as other processes would write it.
fn two_extents() -> Vec<u8> {
    let json = family(Kind::Counter, "c_total").to_json().to_string();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let records = [Record::Family { number: 0, json: json.as_bytes() }, Record::NextExtent { offset: 8192, len: 4096 }];
    records.iter().try_for_each(|record| record.encode(&mut first)).expect("they are short");
    let records = [
        Record::Series { number: 0, family: 0, is_zero_series: true, at: at(1, 511), head: &[0; 4], text: "" },
        Record::Page { shard: 3, page: 1, offset: 12_288 },
    ];
    records.iter().try_for_each(|record| record.encode(&mut second)).expect("they are short");
    let mut bytes = vec![0; 16_384];
    bytes[..72].copy_from_slice(&header().encode());
    let committed = (first.len() + second.len()) as u64;
    bytes[COMMITTED * 8..][..8].copy_from_slice(&committed.to_le_bytes());
    let start = usize::try_from(LOG).expect("a small number");
    bytes[start..][..first.len()].copy_from_slice(&first);
    bytes[8192..][..second.len()].copy_from_slice(&second);
    bytes[16_376] = 9;
    bytes
}

fn archive() -> Vec<u8> {
    let (counter, histogram) = (family(Kind::Counter, "c_total"), family(Kind::Histogram, "h"));
    let float = ExactAmount { whole: 3, float: ExactSum::new(0.1, 1e-20) };
    let series =
        |key: &FamilyKey, labels: &[&str], amounts: &[ExactAmount]| (SeriesKey::new(key, labels), amounts.into());
    let of_counter = vec![series(&counter, &["x", "\n"], &[float])];
    let of_histogram = vec![series(&histogram, &[], &[ExactAmount::whole(2); 4])];
    let mut archive = Archive { generation: 5, ..Archive::default() };
    archive.families = vec![
        ArchivedFamily { newest: 3, series: of_counter, key: counter },
        ArchivedFamily { newest: 4, series: of_histogram, key: histogram },
    ];
    archive.folded.extend([FileId(1), FileId(u128::MAX)]);
    archive.tombstones.push(Tombstone { file: FileId(1), series: 2, amounts: [float].into() });
    codec::encode(&archive).expect("it is short")
}

/// Files with some damage.
fn damaged(whole: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    let change = |place: usize, by: u8| {
        let mut bytes = whole.to_vec();
        bytes[place] ^= by;
        bytes
    };
    [
        ("newer", change(8, 4)),
        ("older", change(8, 3)),
        ("foreign", change(0, 1)),
        ("corrupt", change(4096 + 20, 1)),
        ("truncated", whole[..8191].to_vec()),
    ]
}

/// Set `PYTHEUS_CORPUS=overwrite` to write the compared files: after a change of the layout, together with a new format
/// version.
#[test]
#[cfg(target_endian = "little")]
fn the_file_format_has_not_changed() {
    let everything = pages(&samples::everything().path);
    let empty = pages(&Sample::new().path);
    let mut files = vec![
        ("empty", empty),
        ("churned", churned()),
        ("compacted", compacted()),
        ("all_modes", all_modes()),
        ("shared", shared_file()),
        ("two_extents", two_extents()),
        ("archive", archive()),
    ];
    files.extend(damaged(&files[1].1));
    files.push(("everything", everything));
    let overwrite = std::env::var_os("PYTHEUS_CORPUS").is_some_and(|value| value == "overwrite");
    for (name, bytes) in &files {
        let path = directory().join(name);
        if overwrite {
            fs::create_dir_all(directory()).expect("a directory");
            fs::write(&path, bytes).expect("there is room");
        }
        let stored = fs::File::open(&path).and_then(|file| {
            let mut stored = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or_default()];
            file.read_exact_at(&mut stored, 0).map(|()| stored)
        });
        let stored = stored.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let first = stored.iter().zip(bytes).position(|(stored, now)| stored != now);
        assert!(stored == *bytes, "{name} is written otherwise, first at byte {first:?}");
        let sorts = fuzz_read(bytes).expect("there is room");
        let is_good = ["empty", "churned", "compacted", "all_modes", "shared", "two_extents", "archive", "everything"]
            .contains(name);
        assert_eq!(sorts >= 2, is_good, "{name}: {sorts}");
    }
}
