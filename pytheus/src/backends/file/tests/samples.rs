//! Sample files for tests of readers.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::backends::custom::{Arena, CellAddr, FamilyKey, NewSeries, SeriesKey};
use crate::backends::file::format::file_id::FileId;
use crate::backends::file::format::header::Header;
use crate::backends::file::write::shared_compaction;
use crate::backends::file::write::shared_file::SharedFile;
use crate::backends::file::write::writer_file::WriterFile;
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};

/// A directory with the file of this process and the shared file.
pub(crate) struct Sample {
    pub(crate) directory: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) own: WriterFile,
    pub(crate) shared: Arc<SharedFile>,
}

/// A constant header.
pub(crate) fn header() -> Header {
    Header {
        id: FileId(0x0123_4567_89ab_cdef),
        number: 7,
        pid: 4711,
        shares_pid: false,
        started: 1_700_000_000,
        first_extent: 4096,
    }
}

pub(crate) fn new_file(path: &Path) -> Arc<File> {
    let mut options = OpenOptions::new();
    Arc::new(options.read(true).write(true).create_new(true).open(path).expect("a new file"))
}

impl Sample {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let shared = Arc::new(shared_compaction::open(&directory.path().join("shared")).expect("a new file"));
        let path = directory.path().join("process");
        // No other process is in the directory.
        let own = WriterFile::create(new_file(&path), header(), Arc::clone(&shared), Box::new(|act| act()));
        Self { own: own.expect("there is room"), path, directory, shared }
    }

    pub(crate) fn begin(&self, family: &Arc<FamilyKey>, labels: &[&str], at: CellAddr, is_zero_series: bool) {
        let series = SeriesKey::new(family, labels);
        self.own.add_series(&NewSeries { family, series: &series, at, is_zero_series }).expect("there is room");
    }

    /// Adds to a cell.
    pub(crate) fn add(&self, shard: u32, at: CellAddr, offset: usize, amount: u64) {
        use std::sync::atomic::Ordering::Relaxed;
        let page = self.own.page(shard, at.page).expect("there is room");
        page.cells()[at.cell as usize + offset].fetch_add(amount, Relaxed);
    }

    /// Sets a cell to a float.
    pub(crate) fn set(&self, shard: u32, at: CellAddr, offset: usize, value: f64) {
        use std::sync::atomic::Ordering::Relaxed;
        let page = self.own.page(shard, at.page).expect("there is room");
        page.cells()[at.cell as usize + offset].store(value.to_bits(), Relaxed);
    }

    /// Observes as a single thread does.
    pub(crate) fn observe(&self, shard: u32, at: CellAddr, bucket: usize, value: f64) {
        use std::sync::atomic::Ordering::Relaxed;
        let cells = &self.own.page(shard, at.page).expect("there is room").cells()[at.cell as usize..];
        let count = cells[0].load(Relaxed);
        let sum = |count: u64| &cells[1 + usize::from(count % 2 == 1)];
        let before = f64::from_bits(sum(count).load(Relaxed));
        sum(count + 1).store((before + value).to_bits(), Relaxed);
        cells[3 + bucket].fetch_add(1, Relaxed);
        cells[0].store(count + 1, Relaxed);
    }
}

pub(crate) fn at(page: u32, cell: u32) -> CellAddr {
    CellAddr { page, cell }
}

pub(crate) fn family(kind: Kind, name: &'static str) -> Arc<FamilyKey> {
    let descriptor = Descriptor::new(kind, name, "Help.").expect("a good name");
    let descriptor = match kind {
        Kind::Histogram => descriptor.with_buckets(vec![0.5, 1.0]).expect("good bounds"),
        Kind::StateSet => descriptor.with_states(vec!["up", "down"]).expect("good states"),
        _ => descriptor,
    };
    Arc::new(FamilyKey::new("", descriptor.with_labels(["a", "b"]).expect("good labels")))
}

pub(crate) fn gauge(name: &'static str, mode: GaugeMode) -> Arc<FamilyKey> {
    let mut descriptor = Descriptor::new(Kind::Gauge, name, "Help.").expect("a good name");
    descriptor.mode = mode;
    Arc::new(FamilyKey::new("scope", descriptor.with_labels(["a"]).expect("good labels")))
}

/// At least one series of each kind.
pub(crate) fn everything() -> Sample {
    let sample = Sample::new();
    let (counter, histogram) = (family(Kind::Counter, "c_total"), family(Kind::Histogram, "h"));
    sample.begin(&counter, &["x", "y\n"], at(1, 0), true);
    sample.add(1, at(1, 0), 0, 3);
    sample.add(2, at(1, 0), 0, 4);
    sample.own.add_cells(at(1, 0), at(1, 1)).expect("there is room");
    sample.set(1, at(1, 1), 0, 0.25);
    sample.set(2, at(1, 1), 0, 0.5);
    sample.begin(&histogram, &["", "z"], at(1, 2), false);
    sample.observe(1, at(1, 2), 0, 0.1);
    sample.observe(1, at(1, 2), 2, 7.0);
    sample.observe(2, at(1, 2), 1, 0.75);
    sample.begin(&family(Kind::Summary, "s"), &[], at(1, 10), false);
    sample.observe(2, at(1, 10), 0, 2.5);
    let live = gauge("g", GaugeMode::LiveMin);
    sample.begin(&live, &["1"], at(1, 20), false);
    sample.set(0, at(1, 20), 0, -0.0);
    sample.add(0, at(1, 20), 2, 99);
    sample.begin(&live, &["2"], at(1, 23), false);
    sample.own.add_cells(at(1, 23), at(1, 26)).expect("there is room");
    sample.add(1, at(1, 26), 0, 5);
    sample.add(2, at(1, 26), 1, 3);
    sample.begin(&live, &["3"], at(1, 30), false);
    sample.begin(&family(Kind::Info, "i_info"), &["v"], at(1, 40), false);
    sample.add(0, at(1, 40), 0, 1);
    sample.begin(&counter, &["gone", ""], at(1, 50), false);
    sample.add(1, at(1, 50), 0, 8);
    sample.own.free_series(at(1, 50));
    let shared = gauge("w", GaugeMode::Shared);
    let one = sample.own.shared_cells(&shared, &SeriesKey::new(&shared, &["1"]), true).expect("there is room");
    sample.own.add_cells(one, at(1, 60)).expect("there is room");
    sample.add(3, at(1, 60), 0, 2);
    sample
}
