//! A counting process, and the scrape it would show.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::backends::custom::{Aggregation, Arena as _, CellAddr, FamilyKey, NewSeries, SeriesKey};
use crate::backends::file::archive::data::{Archive, Tombstone};
use crate::backends::file::archive::fold::{Folded, fold_ended};
use crate::backends::file::archive::remove_series;
use crate::backends::file::dir::directory::{DirLock, Directory};
use crate::backends::file::dir::error::{FileError, FileFault};
use crate::backends::file::dir::presence::Presence;
use crate::backends::file::dir::roster;
use crate::backends::file::format::exact_amount::ExactAmount;
use crate::backends::file::format::file_id::FileId;
use crate::backends::file::read::peer::Peer;
use crate::backends::file::write::process as file_of;
use crate::backends::file::write::shared_compaction;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::number::Number;

pub(crate) fn jobs() -> Arc<FamilyKey> {
    let jobs = Descriptor::new(Kind::Counter, "jobs_total", "Jobs.").expect("a name");
    Arc::new(FamilyKey::new("", jobs.with_labels(["queue"]).expect("a label")))
}

/// The same name with a further label.
pub(crate) fn other_jobs() -> Arc<FamilyKey> {
    let jobs = Descriptor::new(Kind::Counter, "jobs_total", "Jobs.").expect("a name");
    Arc::new(FamilyKey::new("", jobs.with_labels(["queue", "site"]).expect("two labels")))
}

/// A live writer file.
pub(crate) struct Process {
    pub(crate) file: file_of::AttachedProcess,
    next: u32,
}

impl Process {
    pub(crate) fn begin(directory: &Arc<Directory>) -> Self {
        // The backend attaches in the same way.
        let (_presence, shared) = {
            let locked = lock(directory);
            let presence = Presence::take(&locked).expect("it can be locked");
            roster::begin(&locked, presence.is_alone).expect("there is room");
            (presence, Arc::new(shared_compaction::open(&directory.shared_file()).expect("it is one")))
        };
        let file = patiently(|| file_of::AttachedProcess::attach(directory, &shared));
        file.publish().expect("nothing is in the way");
        Self { file, next: 0 }
    }

    pub(crate) fn id(&self) -> FileId {
        self.file.id()
    }

    /// Registers a series and returns the addresses of its whole number and its fraction.
    pub(crate) fn series(&mut self, family: &Arc<FamilyKey>, values: &[&str], is_zero_series: bool) -> [CellAddr; 2] {
        let [at, extra] = [0, 1].map(|cell| CellAddr { page: 1 + self.next / 512, cell: self.next % 512 + cell });
        self.next += 2;
        let series = SeriesKey::new(family, values);
        self.file.add_series(&NewSeries { family, series: &series, at, is_zero_series }).expect("there is room");
        self.file.add_cells(at, extra).expect("there is room");
        [at, extra]
    }

    pub(crate) fn count(&self, [at, extra]: [CellAddr; 2], whole: u64, fraction: f64) {
        let cell = |at: CellAddr| &self.file.page(1, at.page).expect("there is room").cells()[at.cell as usize];
        cell(at).fetch_add(whole, Relaxed);
        let sum = f64::from_bits(cell(extra).load(Relaxed)) + fraction;
        cell(extra).store(sum.to_bits(), Relaxed);
    }

    /// Counts in a new series.
    pub(crate) fn count_in(&mut self, family: &Arc<FamilyKey>, values: &[&str], whole: u64, fraction: f64) {
        let series = self.series(family, values, false);
        self.count(series, whole, fraction);
    }
}

/// Waits as long as the other processes need.
fn patiently<T>(act: impl Fn() -> Result<T, FileError>) -> T {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        match act() {
            Err(error) if error.fault() == FileFault::Busy && Instant::now() < deadline => {}
            outcome => return outcome.expect("its turn comes, and there is room"),
        }
    }
}

/// Locks the directory.
pub(crate) fn lock(directory: &Directory) -> DirLock<'_> {
    patiently(|| directory.acquire_lock())
}

/// Lists the files of processes.
pub(crate) fn peers(directory: &Directory) -> Vec<Peer> {
    let files = directory.list().expect("it is there");
    files.iter().filter_map(|(_, path)| Peer::open(path).ok()).collect()
}

/// Archives ended processes, as a process does on finding some.
pub(crate) fn fold_all(directory: &Directory) -> Folded {
    let locked = lock(directory);
    let mut archive = Archive::default();
    fold_ended(&locked, &mut archive, peers(directory)).expect("there is room")
}

pub(crate) fn remove_all(directory: &Directory, own: FileId, family: &Arc<FamilyKey>, values: &[&str]) {
    let locked = lock(directory);
    let series = [(Arc::clone(family), SeriesKey::new(family, values))];
    remove_series(&locked, &mut Archive::default(), &mut peers(directory), own, &series).expect("there is room");
}

/// Counters by name and labels.
pub(crate) type Shown = BTreeMap<String, Number>;

/// Scrapes families with one declaration each.
pub(crate) fn shown(directory: &Directory) -> Shown {
    loop {
        let archive = Archive::read(directory).expect("it is whole");
        let mut sums: BTreeMap<String, ExactAmount> = BTreeMap::new();
        let mut add = |family: &FamilyKey, key: &SeriesKey, amount: ExactAmount| {
            *sums.entry(format!("{}{{{}}}", family.name(), key.parts().1)).or_default() += amount;
        };
        for family in &archive.families {
            family.series.iter().for_each(|(key, amounts)| add(&family.key, key, amounts[0]));
        }
        for peer in peers(directory).iter().filter(|peer| !archive.folded.contains(&peer.id())) {
            for (place, series) in peer.series().iter().enumerate().filter(|(_, series)| !series.ended) {
                let family = &peer.families()[series.family as usize];
                if family.aggregation() != Aggregation::Add {
                    continue;
                }
                let mut amounts = [ExactAmount::default()];
                peer.read(place, &mut amounts);
                let is_it = |removed: &&Tombstone| removed.file == peer.id() && removed.series == series.number;
                let baseline = archive.tombstones.iter().find(is_it);
                if let Some(baseline) = baseline {
                    amounts[0] -= baseline.amounts[0];
                }
                if !amounts[0].is_zero() || (series.is_zero_series && baseline.is_none()) {
                    add(family, &series.key, amounts[0]);
                }
            }
        }
        if archive.is_current(directory).expect("it is there") {
            return sums.into_iter().map(|(series, amount)| (series, amount.number())).collect();
        }
    }
}

/// Formats the samples as a scrape does.
pub(crate) fn numbers<const N: usize>(numbers: [(&str, f64); N]) -> Shown {
    numbers.into_iter().map(|(series, number)| (format!("jobs_total{{{series}}}"), Number::Float(number))).collect()
}

/// Lists the names of the files.
pub(crate) fn names(directory: &Directory) -> Vec<String> {
    let entries = std::fs::read_dir(directory.path()).expect("it is there");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("it is").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

/// Makes an empty directory.
pub(crate) fn fresh() -> (tempfile::TempDir, Arc<Directory>) {
    let around = tempfile::tempdir().expect("there is a place for temporary files");
    let path: PathBuf = around.path().join("counts");
    let directory = Directory::open(&path, false).expect("it is a good directory");
    (around, Arc::new(directory))
}
