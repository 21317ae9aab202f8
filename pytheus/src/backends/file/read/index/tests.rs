//! Valid and invalid logs.

use std::os::unix::fs::FileExt as _;
use std::sync::atomic::Ordering::Release;

use super::*;
use crate::backends::file::format::allocator::Allocator;
use crate::backends::file::format::error::SkipReason;
use crate::backends::file::format::header::{Header, LOG};
use crate::backends::file::format::mappings::Mappings;
use crate::backends::file::format::record::Record;
use crate::backends::file::format::superblock::COMMITTED;
use crate::backends::file::read::peer::Peer;
use crate::backends::file::tests::samples::{at, family, header, new_file};

/// Reads a file of two units with a log of these records.
fn read(records: &[Record<'_>]) -> Result<(), SkipReason> {
    let mut log = Vec::new();
    for record in records {
        record.encode(&mut log).unwrap();
    }
    read_log(&log, log.len() as u64)
}

fn read_log(log: &[u8], committed: u64) -> Result<(), SkipReason> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("process");
    let file = new_file(&path);
    let header = Header { first_extent: 61_440, ..header() };
    let (mut mappings, mut allocator) = (Mappings::leaking(), Allocator::of_new_file(&file, &header).unwrap());
    allocator.alloc_zeroed(&file, 65_536).unwrap();
    file.write_all_at(log, LOG).unwrap();
    let first = mappings.place(&file, allocator.end(), 0).unwrap();
    mappings.kept(first).unwrap().cells()[COMMITTED].store(committed, Release);
    Peer::open(&path).map(drop).map_err(|skipped| skipped.reason)
}

const CORRUPT: Result<(), SkipReason> = Err(SkipReason::Corrupt);

/// A counter, a histogram of 6 cells, and a gauge of 3.
fn families(act: impl FnOnce([Record<'_>; 3])) {
    let kinds = [(Kind::Counter, "c_total"), (Kind::Histogram, "h"), (Kind::Gauge, "g")];
    let jsons = kinds.map(|(kind, name)| family(kind, name).to_json().to_string());
    let mut number = 0;
    act(jsons.each_ref().map(|json| {
        number += 1;
        Record::Family { number: number - 1, json: json.as_bytes() }
    }));
}

fn series(number: u32, family: u32, at: CellAddr) -> Record<'static> {
    Record::Series { number, family, is_zero_series: false, at, head: &[1, 0, 0, 0], text: "a=\"x\"" }
}

#[test]
fn a_valid_log_is_read() {
    families(|[one, two, three]| {
        let log = [
            one,
            two,
            series(0, 1, at(1, 0)),
            Record::Page { shard: 5, page: 1, offset: 65_536 },
            three,
            series(1, 2, at(32_767, 509)),
            Record::ExtraCells { series: at(32_767, 509), extra: at(3, 510) },
            Record::ExtraCells { series: at(20_000, 3), extra: at(1, 2) },
            Record::End { series: at(20_000, 3) },
            Record::End { series: at(1, 0) },
            series(2, 0, at(1, 0)),
            Record::ZeroSeries { series: at(1, 0), is_zero_series: true },
            Record::NextExtent { offset: 65_536, len: 4096 },
        ];
        assert_eq!(read(&log), Ok(()));
        assert_eq!(read(&[]), Ok(()));
    });
}

#[test]
fn invalid_families_are_refused() {
    families(|[one, two, _]| {
        assert_eq!(read(&[two]), CORRUPT);
        assert_eq!(read(&[one, one]), CORRUPT);
        let good = family(Kind::Counter, "c_total").to_json().to_string();
        for json in ["", "{}", "[]", "null", "{\"scope\":1}", &good[..good.len() - 1], &format!("{good} x")] {
            assert_eq!(read(&[Record::Family { number: 0, json: json.as_bytes() }]), CORRUPT, "{json}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(read(&[Record::Family { number: 0, json: deep.as_bytes() }]), CORRUPT);
        assert_eq!(read(&[Record::Family { number: 0, json: &[0xff; 9] }]), CORRUPT);
        let twice = good.replace("\"b\"", "\"a\"");
        assert_eq!(read(&[Record::Family { number: 0, json: twice.as_bytes() }]), CORRUPT);
    });
}

#[test]
fn invalid_series_are_refused() {
    families(|[one, two, _]| {
        let wrong = [
            series(0, 2, at(1, 0)),
            series(0, u32::MAX, at(1, 0)),
            series(0, 0, at(1, 512)),
            series(0, 0, at(1, u32::MAX)),
            series(0, 1, at(1, 507)),
            series(0, 0, at(32_768, 0)),
            series(0, 0, at(u32::MAX, 0)),
        ];
        for wrong in wrong {
            assert_eq!(read(&[one, two, wrong]), CORRUPT, "{wrong:?}");
        }
        assert_eq!(read(&[one, series(0, 0, at(1, 0)), series(1, 0, at(1, 0))]), CORRUPT);
        // The series in between were freed, and are left out.
        assert_eq!(read(&[one, series(3, 0, at(1, 0)), series(u32::MAX, 0, at(1, 1))]), Ok(()));
        for number in [0, 2, 3] {
            assert_eq!(read(&[one, series(3, 0, at(1, 0)), series(number, 0, at(1, 1))]), CORRUPT, "{number}");
        }
        assert_eq!(read(&[one, series(u32::MAX, 0, at(1, 0)), series(u32::MAX, 0, at(1, 1))]), CORRUPT);
    });
}

#[test]
fn invalid_labels_are_refused() {
    families(|[one, ..]| {
        let label = |head: &[u8], text: &str| {
            read(&[one, Record::Series { number: 0, family: 0, is_zero_series: false, at: at(1, 0), head, text }])
        };
        let good: [(&[u8], &str); 4] = [
            (&[0; 4], ""),
            (&[1, 0, 2, 0], "a=\"x\",b=\"yz\""),
            (&[0, 0, 2, 0], "b=\"é\""),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0], "a=\"\\n\"\n"),
        ];
        for (head, text) in good {
            assert_eq!(label(head, text), Ok(()), "{text}");
        }
        let bad: [(&[u8], &str); 16] = [
            (&[], ""),
            (&[0; 3], ""),
            (&[0; 8], ""),
            (&[0; 12], ""),
            (&[0; 16], ""),
            (&[0; 4], "a"),
            (&[1, 0, 0, 0], ""),
            (&[1, 0, 0, 0], "b=\"x\""),
            (&[2, 0, 0, 0], "a=\"x\""),
            (&[255, 255, 255, 255], "a=\"x\""),
            (&[1, 0, 0, 0], "a=\"é\""),
            (&[1, 0, 0, 0], "a=\"x\"b"),
            (&[1, 0, 0, 0], "a=\"\"\""),
            (&[255; 12], "a=\"\\n\"\n"),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0], "a=\"x\"x"),
            (&[0, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0], "a=\"\\n\"\n"),
        ];
        for (head, text) in bad {
            assert_eq!(label(head, text), CORRUPT, "{head:?} {text}");
        }
    });
}

#[test]
fn records_of_unknown_series_are_refused() {
    families(|[one, two, _]| {
        let begun = [one, two, series(0, 0, at(1, 0))];
        let wrong: [&[Record<'_>]; 9] = [
            &[Record::End { series: at(1, 1) }],
            &[Record::End { series: at(20_000, 1) }],
            &[Record::End { series: at(1, 0) }, Record::End { series: at(1, 0) }],
            &[Record::End { series: at(1, 0) }, Record::ExtraCells { series: at(1, 0), extra: at(1, 1) }],
            &[Record::ExtraCells { series: at(1, 1), extra: at(1, 2) }],
            &[Record::ExtraCells { series: at(1, 0), extra: at(1, 512) }],
            &[Record::ExtraCells { series: at(1, 0), extra: at(16_384, 0) }],
            &[
                Record::ExtraCells { series: at(1, 0), extra: at(1, 1) },
                Record::ExtraCells { series: at(1, 0), extra: at(1, 2) },
            ],
            &[Record::ZeroSeries { series: at(1, 1), is_zero_series: false }],
        ];
        for wrong in wrong {
            assert_eq!(read(&[&begun[..], wrong].concat()), CORRUPT, "{wrong:?}");
        }
    });
}

#[test]
fn invalid_pages_are_refused() {
    let page = |shard, page, offset| Record::Page { shard, page, offset };
    assert_eq!(read(&[page(0, 1, 65_536), page(1, 1, 69_632)]), Ok(()));
    assert_eq!(read(&[page(0, 1, 65_536), page(0, 1, 69_632)]), CORRUPT);
    assert_eq!(read(&[page(0, 1, 65_536), page(0, 2, 65_536)]), CORRUPT);
    assert_eq!(read(&[page(0, 1, 0)]), CORRUPT);
    assert_eq!(read(&[page(0, CellAddr::FIRST_SHARED_PAGE, 65_536)]), CORRUPT);
    assert_eq!(read(&[page(0, u32::MAX, 65_536)]), CORRUPT);
    assert_eq!(read(&[page(0, 1, 131_072)]), Err(SkipReason::Truncated));
    assert_eq!(read(&[page(0, 1, u64::from(u32::MAX) * 4096)]), Err(SkipReason::Truncated));
}

#[test]
fn a_log_with_invalid_extents_is_refused() {
    let next_extent = |offset, len| read(&[Record::NextExtent { offset, len }]);
    assert_eq!(next_extent(65_536, 4096), Ok(()));
    assert_eq!(next_extent(65_536, 0), CORRUPT);
    assert_eq!(next_extent(65_536, 4097), CORRUPT);
    assert_eq!(next_extent(65_537, 4096), CORRUPT);
    assert_eq!(next_extent(4096, 4096), CORRUPT);
    assert_eq!(next_extent(0, 4096), CORRUPT);
    assert_eq!(next_extent(u64::MAX - 4095, 4096), CORRUPT);
    assert_eq!(next_extent(131_072, 4096), Err(SkipReason::Truncated));
    let end = Record::Page { shard: 0, page: 1, offset: 65_536 };
    let mut log = Vec::new();
    end.encode(&mut log).unwrap();
    let len = log.len() as u64;
    for wrong in [1, len - 8, len + 8, len + 16, 61_440] {
        assert_eq!(read_log(&log, wrong), CORRUPT, "{wrong}");
    }
    for wrong in [131_072, 1 << 40, u64::MAX - 7] {
        let read = read_log(&log, wrong);
        assert!(read == CORRUPT || read == Err(SkipReason::Truncated), "{wrong}: {read:?}");
    }
}
