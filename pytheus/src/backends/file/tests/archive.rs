//! The archive's codec: round trips, and refusal of anything else.

use std::fs;
use std::sync::Arc;

use crate::backends::custom::{FamilyKey, SeriesKey};
use crate::backends::file::archive::codec::{decode, encode};
use crate::backends::file::archive::data::{Archive, ArchivedFamily, Tombstone};
use crate::backends::file::dir::directory::Directory;
use crate::backends::file::dir::error::FileFault;
use crate::backends::file::dir::roster::Roster;
use crate::backends::file::format::error::SkipReason;
use crate::backends::file::format::exact_amount::ExactAmount;
use crate::backends::file::format::file_id::FileId;
use crate::model::descriptor::{Descriptor, Kind};
use crate::storage::ExactSum;

fn archive() -> Archive {
    let counter = Descriptor::new(Kind::Counter, "jobs_total", "Jobs.").expect("a name");
    let counter = Arc::new(FamilyKey::new("", counter.with_labels(["queue", "site"]).expect("two labels")));
    let histogram = Descriptor::new(Kind::Histogram, "job_seconds", "How long.\nIn \"s\"").expect("a name");
    let histogram = Arc::new(FamilyKey::new("of its own", histogram.with_buckets([0.1, 0.3]).expect("two bounds")));
    let mut exact = ExactSum::new(1e16, 0.0);
    exact += 0.1;
    let series = |values: [&str; 2], amount| (SeriesKey::new(&counter, &values), Box::from([amount]));
    let counts = vec![
        series(["a", ""], ExactAmount::whole(u64::MAX)),
        series(["\"quoted\\\n\"", "é"], ExactAmount { whole: 3, float: exact }),
        series([&"long".repeat(20_000), "x"], ExactAmount::default()),
    ];
    let times = [ExactAmount::whole(2), ExactAmount::whole(0), ExactAmount::whole(1), ExactAmount::float(0.7)];
    let mut infinite = ExactAmount::default();
    infinite += ExactAmount { whole: 0, float: ExactSum::ZERO };
    infinite.float += f64::INFINITY;
    let (file, amounts) = (FileId(7), Box::from([infinite, ExactAmount::whole(4)]));
    let mut archive = Archive { generation: 41, ..Archive::default() };
    archive.families = vec![
        ArchivedFamily { series: vec![(SeriesKey::new(&histogram, &[]), times.into())], key: histogram, newest: 3 },
        ArchivedFamily { series: counts, key: counter, newest: 9 },
    ];
    archive.folded = [FileId(1), FileId(u128::MAX)].into();
    archive.tombstones = vec![Tombstone { file, series: 5, amounts }];
    archive
}

fn fields(archive: &Archive) -> String {
    let mut folded: Vec<_> = archive.folded.iter().collect();
    folded.sort();
    let json: Vec<_> = archive.families.iter().map(|family| family.key.to_json().to_string()).collect();
    let Archive { generation, families, tombstones, .. } = archive;
    let families: Vec<_> = families.iter().map(|family| (family.newest, &family.series)).collect();
    format!("{generation} {folded:?} {json:?} {families:?} {tombstones:?}")
}

#[test]
fn an_archive_is_read_back_as_written() {
    let written = archive();
    let read = decode(&encode(&written).expect("it is short")).expect("it is whole");
    assert_eq!(fields(&read), fields(&written));
    assert_eq!(encode(&read), encode(&written));
}

#[test]
fn damage_anywhere_in_an_archive_is_detected() {
    let mut whole = archive();
    whole.families[1].series.truncate(2);
    let bytes = encode(&whole).expect("it is short");
    for len in 0..bytes.len() {
        let fault = decode(&bytes[..len]).expect_err("it is cut off");
        assert_eq!(fault.reason, SkipReason::Truncated, "at {len}: {}", fault.what);
    }
    for place in 0..bytes.len() {
        for flipped in [1, 0x80] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flipped;
            // Padding of a record carries no information.
            if let Ok(read) = decode(&damaged) {
                assert_eq!(fields(&read), fields(&whole), "at {place}");
            }
        }
    }
    let longer = [&bytes[..], b"more"].concat();
    assert!(decode(&longer).is_err());
    let mut later = bytes.clone();
    later[8] += 1;
    assert_eq!(decode(&later).expect_err("it is of later").reason, SkipReason::NewerVersion);
    let mut earlier = bytes.clone();
    earlier[8] -= 1;
    assert_eq!(decode(&earlier).expect_err("it is of earlier").reason, SkipReason::OlderVersion);
    assert_eq!(decode(b"{\"not\": \"ours\"}").expect_err("it is foreign").reason, SkipReason::Foreign);
}

fn fresh() -> (tempfile::TempDir, Directory) {
    let around = tempfile::tempdir().expect("there is a place for temporary files");
    let directory = Directory::open(&around.path().join("counts"), false).expect("it is a good directory");
    (around, directory)
}

#[test]
fn an_archive_is_identified_by_its_inode() {
    let (_around, directory) = fresh();
    let none = Archive::read(&directory).expect("there is none");
    assert!(none.is_current(&directory).expect("it is there"));
    let locked = directory.acquire_lock().expect("nobody has it");
    let mut first = archive();
    first.write(&locked).expect("there is room");
    assert!(!none.is_current(&directory).expect("it is there"));
    assert!(first.is_current(&directory).expect("it is there"));
    let read = Archive::read(&directory).expect("it is whole");
    assert!(read.is_current(&directory).expect("it is there"));
    assert_eq!(fields(&read), fields(&first));
    // Repeatedly: an inode number is not reused while its file is open.
    let mut last = read;
    for _ in 0..10 {
        last = last.to_change(&locked).expect("it is whole");
        last.write(&locked).expect("there is room");
        assert!(last.is_current(&directory).expect("it is there"));
        assert!(!first.is_current(&directory).expect("it is there"));
    }
    assert_eq!(last.generation, first.generation + 10);
    assert!(!directory.new_archive().exists());
}

#[test]
fn a_damaged_archive_is_kept_and_never_extended() {
    let (_around, directory) = fresh();
    let locked = directory.acquire_lock().expect("nobody has it");
    let stale = Archive::default();
    fs::write(directory.archive(), "PYTHARC\nnonsense".repeat(4)).expect("there is room");
    let skipped = Archive::read(&directory).expect_err("it is damaged");
    assert_eq!((skipped.reason, &skipped.path), (SkipReason::Corrupt, &directory.archive()));
    let refused = stale.to_change(&locked).expect_err("what is in it would be missing");
    assert_eq!((refused.fault(), refused.path()), (FileFault::Archive, &*directory.archive()));
    assert!(refused.to_string().contains("move the file and `roster` away"), "{refused}");
    assert!(directory.archive().exists());
}

#[test]
fn an_archive_of_a_later_version_is_kept() {
    let (_around, directory) = fresh();
    let locked = directory.acquire_lock().expect("nobody has it");
    let later = [b"PYTHARC\n", &99_u32.to_le_bytes()[..], b"whatever"].concat();
    fs::write(directory.archive(), &later).expect("there is room");
    assert_eq!(Archive::read(&directory).expect_err("it is of later").reason, SkipReason::NewerVersion);
    let refused = Archive::default().to_change(&locked).expect_err("it can't be changed");
    assert_eq!(refused.fault(), FileFault::Archive);
    assert!(refused.to_string().contains("version 99"), "{refused}");
    assert_eq!(fs::read(directory.archive()).expect("it is there"), later);
}

#[test]
fn a_file_of_an_earlier_version_is_refused_with_what_to_do() {
    let (_around, directory) = fresh();
    let locked = directory.acquire_lock().expect("nobody has it");
    fs::write(directory.archive(), [b"PYTHARC\n", &1_u32.to_le_bytes()[..], b"whatever"].concat())
        .expect("there is room");
    let refused = Archive::default().to_change(&locked).expect_err("it can't be read");
    assert_eq!(refused.fault(), FileFault::OlderVersion);
    assert!(refused.to_string().contains("remove it, or name another directory"), "{refused}");
    fs::write(directory.roster(), "pytheus roster 1 00000000\n").expect("there is room");
    let refused = Roster::read(&directory).expect_err("it can't be read");
    assert_eq!((refused.fault(), refused.path()), (FileFault::OlderVersion, &*directory.roster()));
}
