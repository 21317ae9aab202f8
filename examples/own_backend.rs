//! A backend of your own: the totals of several processes in one file, to copy and change.
//!
//! ```sh
//! cargo run -p pytheus-examples --example own_backend
//! ```
//!
//! The program starts itself a second time; both count, and a scrape of either shows the totals of both:
//!
//! ```text
//! # HELP parcels_total Parcels.
//! # TYPE parcels_total counter
//! parcels_total{to="Oslo"} 3
//! parcels_total{to="Rome"} 5
//! ```
//!
//! # How it goes
//!
//! Threads count in cells of their own process, as with any backend. Ten times a second a thread of pytheus sends the
//! changes to [`Backend::apply`]: series, and the increase of each number. The backend adds them to the file `totals`; a
//! scrape shows that file. Four rules make the totals right:
//!
//! - **A lock.** A process holds a lock on the file `lock` while it reads or writes `totals`. The system releases the lock of
//!   a killed process.
//! - **Atomic replacement.** The new file is written beside the old one, then renamed. A kill in between changes nothing.
//! - **Separate declarations.** Versions of a program may declare a metric differently. Each declaration has its own numbers
//!   in the file, in the order of arrival; pytheus merges them into one family.
//! - **[Idempotence](https://en.wikipedia.org/wiki/Idempotence).** A batch with an unknown result is sent again under the same
//!   sequence number. The file keeps the last number of each process beside the totals, so a duplicate is detected.
//!
//! Counters, histograms and summaries stay when a process ends. Gauges of living processes (`mode: live_sum` and the like)
//! have a number per process in the file; it is removed with the process. A process is alive while it holds the lock on its
//! file `alive-..`.
//!
//! A killed process loses the counts since its last batch, a tenth of a second. Every batch writes the whole file; that is
//! fine for some hundred series. Beyond that, use a database in the same way, with a transaction in place of the lock and the
//! renaming.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::error::Error;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pytheus::backends::custom::{
    Aggregation, AggregationScope, Backend, Batch, Change, CloseOnFork, Config, Configure, FamilyKey, GaugeAggregate,
    Removal, SeriesKey, Totals, process_label,
};
use pytheus::backends::{BackendError, BackendSpec, Value, json, load_backend};
use pytheus::descriptor::Kind;
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use pytheus::snapshot::Number;

/// Totals in a file.
#[derive(Debug)]
pub struct FileStore {
    directory: PathBuf,
    interval: Duration,
    /// Locked for the life of this process. A forked child closes it: its copy would hold the lock after the parent's end.
    alive: Mutex<Option<CloseOnFork>>,
    /// The label `pid` of this process.
    label: Mutex<String>,
}

impl Configure for FileStore {
    /// The name in `PYTHEUS_BACKEND_CLASS`.
    const NAME: &'static str = "file-store";

    /// Reads the file of `PYTHEUS_BACKEND_CONFIG`. A key without a reader here is an error.
    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        let directory = config.path("directory")?.ok_or_else(|| config.missing("directory"))?;
        let interval = config.duration("interval", Duration::from_millis(1)..=Duration::from_secs(60))?;
        config.finish()?;
        fs::create_dir_all(&directory)?;
        Ok(Self {
            directory,
            interval: interval.unwrap_or(Duration::from_millis(100)),
            alive: Mutex::default(),
            label: Mutex::new(new_label()),
        })
    }
}

// Makes the backend loadable by its name.
pytheus::register_backend!(FileStore);

impl Backend for FileStore {
    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Machine
    }

    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        let writer = batch.writer.to_string();
        self.change(&writer, batch.sequence, |snapshot| {
            for change in &batch.changes {
                snapshot.apply(&writer, change);
            }
        })
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        self.change(&removal.writer.to_string(), removal.sequence, |snapshot| {
            for (family, series) in &removal.series {
                for entry in snapshot.families.iter_mut().filter(|entry| entry.family.is_same_family(family)) {
                    if let Some(series) = family.translate(series, &entry.family) {
                        entry.series.remove(&values_of(&entry.family, &series));
                    }
                }
            }
        })
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        // For gauges with a closure, which are in no batch.
        totals.set_process_label(self.label());
        let snapshot = {
            let _locked = self.lock()?;
            let mut snapshot = self.read()?;
            self.remove_ended(&mut snapshot)?;
            snapshot
        };
        for entry in &snapshot.families {
            if totals.includes(&entry.family) {
                let (family, series, parts) = entry.combined(&snapshot.writers)?;
                totals.provide(family, series, parts);
            }
        }
        Ok(())
    }

    fn close(&self) -> Result<(), BackendError> {
        self.set_alive(None);
        Ok(())
    }

    fn after_fork(&self) -> Result<(), BackendError> {
        *self.label.lock().unwrap_or_else(PoisonError::into_inner) = new_label();
        Ok(())
    }
}

impl FileStore {
    fn label(&self) -> String {
        self.label.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn totals(&self) -> PathBuf {
        self.directory.join("totals")
    }

    fn life_of(&self, writer: &str) -> PathBuf {
        self.directory.join(format!("alive-{writer}"))
    }

    /// Locks the directory against all other processes, until it is dropped.
    fn lock(&self) -> Result<Locked, BackendError> {
        let file = File::options().create(true).append(true).open(self.directory.join("lock"))?;
        file.lock()?;
        Ok(Locked(file))
    }

    /// Changes the file, unless a change with the same sequence number is in it already.
    fn change(&self, writer: &str, sequence: u64, change: impl FnOnce(&mut Snapshot)) -> Result<(), BackendError> {
        let _locked = self.lock()?;
        let mut snapshot = self.read()?;
        self.remove_ended(&mut snapshot)?;
        let known = match snapshot.writers.entry(writer.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let alive = CloseOnFork::new(File::options().create(true).append(true).open(self.life_of(writer))?)?;
                alive.lock()?;
                self.set_alive(Some(alive));
                new.insert(Writer { process: self.label(), sequence: 0 })
            }
        };
        if sequence <= known.sequence {
            return Ok(());
        }
        known.sequence = sequence;
        change(&mut snapshot);
        let new = self.directory.join("totals.new");
        fs::write(&new, snapshot.to_text())?;
        // Other processes see the old file or the new one, never a part.
        fs::rename(new, self.totals())?;
        Ok(())
    }

    fn read(&self) -> Result<Snapshot, BackendError> {
        let path = self.totals();
        match fs::read_to_string(&path) {
            Ok(text) => Snapshot::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Snapshot::default()),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    /// Removes the numbers of ended processes. Called under the lock, so no process is just starting.
    fn remove_ended(&self, snapshot: &mut Snapshot) -> Result<(), BackendError> {
        let mut ended = Vec::new();
        for writer in snapshot.writers.keys() {
            let path = self.life_of(writer);
            let Ok(file) = File::options().append(true).open(&path) else {
                ended.push(writer.clone());
                continue;
            };
            match file.try_lock() {
                Ok(()) => {
                    fs::remove_file(&path)?;
                    ended.push(writer.clone());
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        // A scrape does not write the file: until the next batch, every scrape repeats this.
        snapshot.writers.retain(|writer, _| !ended.contains(writer));
        for entry in snapshot.families.iter_mut().filter(|entry| entry.family.aggregation().is_live_only()) {
            for numbers in entry.series.values_mut() {
                numbers.retain(|writer, _| !ended.contains(writer));
            }
            entry.series.retain(|_, numbers| !numbers.is_empty());
        }
        Ok(())
    }

    /// Closes the previous file and releases its lock.
    fn set_alive(&self, file: Option<CloseOnFork>) {
        *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }
}

/// The lock on the directory.
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Not by closing the file: a forked child has it open, too.
        let _ = self.0.unlock();
    }
}

/// The contents of the file.
#[derive(Debug, Default)]
struct Snapshot {
    /// By writer.
    writers: BTreeMap<String, Writer>,
    /// An entry per declaration, the oldest first.
    families: Vec<FamilyEntry>,
}

#[derive(Debug)]
struct Writer {
    /// The label `pid` of its process.
    process: String,
    /// The sequence number of its last batch.
    sequence: u64,
}

#[derive(Debug)]
struct FamilyEntry {
    family: Arc<FamilyKey>,
    /// The numbers of each series, by label values, then by writer; numbers shared by all processes are under no writer.
    series: BTreeMap<Vec<String>, BTreeMap<String, Numbers>>,
}

#[derive(Debug)]
struct Numbers {
    parts: Vec<Number>,
    /// The time of the last set.
    stamp: u64,
}

impl Snapshot {
    /// Adds the counts of a process in one series.
    fn apply(&mut self, writer: &str, change: &Change) {
        let id = change.family.id();
        let index = self.families.iter().position(|entry| entry.family.id() == id).unwrap_or_else(|| {
            self.families.push(FamilyEntry { family: Arc::clone(&change.family), series: BTreeMap::new() });
            self.families.len() - 1
        });
        let entry = &mut self.families[index];
        let series = entry.series.entry(values_of(&change.family, &change.series)).or_default();
        let aggregation = change.family.aggregation();
        let live = aggregation.is_live_only();
        let numbers = series
            .entry(if live { writer.to_owned() } else { String::new() })
            .or_insert_with(|| Numbers { parts: vec![Number::Int(0); change.deltas.len()], stamp: 0 });
        if aggregation == Aggregation::MostRecent {
            // Set by any process: a later value replaces it.
            let mut latest = GaugeAggregate::new(aggregation);
            latest.add(numbers.parts[0].as_f64(), numbers.stamp);
            latest.add(change.totals[0].as_f64(), change.set_at);
            numbers.parts = latest.value().map(Number::Float).into_iter().collect();
            numbers.stamp = latest.set_at();
        } else if live || change.was_set {
            numbers.parts.clone_from(&change.totals);
            numbers.stamp = change.set_at;
        } else {
            for (part, delta) in numbers.parts.iter_mut().zip(&change.deltas) {
                *part = *part + *delta;
            }
        }
    }

    /// One line for each writer, family and series of it, as JSON.
    fn to_text(&self) -> String {
        let mut lines = Vec::new();
        for (writer, Writer { process, sequence }) in &self.writers {
            lines.push(json!({"writer": writer, "process": process, "sequence": sequence}));
        }
        for entry in &self.families {
            lines.push(json!({"family": entry.family.to_json()}));
            for (labels, numbers) in &entry.series {
                for (writer, Numbers { parts, stamp }) in numbers {
                    let parts: Vec<_> = parts.iter().map(|part| number_to_json(*part)).collect();
                    lines.push(json!({"labels": labels, "of": writer, "parts": parts, "stamp": stamp}));
                }
            }
        }
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        lines.join("\n")
    }

    fn parse(text: &str) -> Result<Self, BackendError> {
        let mut snapshot = Self::default();
        for line in text.lines() {
            let line: Value = line.parse()?;
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            if line["writer"].is_string() {
                let sequence = line["sequence"].as_u64().ok_or("a writer has a `sequence`")?;
                snapshot.writers.insert(text("writer"), Writer { process: text("process"), sequence });
            } else if line["family"].is_object() {
                let family = Arc::new(FamilyKey::from_json(&line["family"])?);
                snapshot.families.push(FamilyEntry { family, series: BTreeMap::new() });
            } else {
                let entry = snapshot.families.last_mut().ok_or("a series has a family")?;
                let texts = line["labels"].as_array().ok_or("a series has `labels`")?.iter();
                let labels = texts.map(|label| label.as_str().unwrap_or_default().to_owned()).collect();
                let parts = line["parts"].as_array().ok_or("a series has `parts`")?;
                let parts: Result<Vec<_>, _> = parts.iter().map(number_from_json).collect();
                let numbers = Numbers { parts: parts?, stamp: line["stamp"].as_u64().unwrap_or_default() };
                entry.series.entry(labels).or_default().insert(text("of"), numbers);
            }
        }
        Ok(snapshot)
    }
}

impl FamilyEntry {
    /// Returns the values of the family for a scrape.
    fn combined(&self, writers: &BTreeMap<String, Writer>) -> Result<Combined, BackendError> {
        let mut family = Arc::clone(&self.family);
        if family.aggregation() == Aggregation::PerProcess {
            let descriptor = family.descriptor().clone().with_labels(["pid"])?;
            family = Arc::new(FamilyKey::new(self.family.scope(), descriptor));
        }
        let (mut series, mut parts) = (Vec::new(), Vec::new());
        for (labels, numbers) in &self.series {
            let values: Vec<_> = labels.iter().map(String::as_str).collect();
            if family.aggregation() == Aggregation::PerProcess {
                // The labels are sorted by name.
                let names: Vec<_> = family.descriptor().label_names().collect();
                let position = names.iter().position(|name| *name == "pid").unwrap_or_default();
                for (writer, numbers) in numbers {
                    let process = writers.get(writer).map_or("", |writer| &writer.process);
                    let mut values = values.clone();
                    values.insert(position, process);
                    series.push(SeriesKey::new(&family, &values));
                    parts.extend(&numbers.parts);
                }
                continue;
            }
            let mut one = GaugeAggregate::new(family.aggregation());
            if family.aggregation().is_live_only() {
                for numbers in numbers.values() {
                    one.add(numbers.parts[0].as_f64(), numbers.stamp);
                }
            }
            series.push(SeriesKey::new(&family, &values));
            match (one.value(), numbers.get("")) {
                // An info metric is stated or not.
                (Some(one), _) if family.descriptor().kind() == Kind::Info => {
                    parts.push(Number::Int(u64::from(one > 0.0)));
                }
                (Some(one), _) => parts.push(Number::Float(one)),
                (None, Some(numbers)) => parts.extend(&numbers.parts),
                (None, None) => drop(series.pop()),
            }
        }
        Ok((family, series, parts))
    }
}

/// Returns a label `pid` unique among processes, also for equal process numbers in different containers.
fn new_label() -> String {
    let (pid, now) = (std::process::id(), std::time::SystemTime::now());
    let id = RandomState::new().hash_one((pid, now));
    process_label(pid, Some(&format!("{id:016x}")))
}

/// A family, its series, and the parts of each, one after the other.
type Combined = (Arc<FamilyKey>, Vec<SeriesKey>, Vec<Number>);

fn values_of(family: &FamilyKey, series: &SeriesKey) -> Vec<String> {
    series.labels(family).iter().map(|(_, value)| value.to_owned()).collect()
}

/// Writes whole numbers as they are and all others as text: JSON has neither infinities nor NaN.
fn number_to_json(number: Number) -> Value {
    match number {
        Number::Int(whole) => json!(whole),
        Number::Float(float) => json!(float.to_string()),
    }
}

fn number_from_json(json: &Value) -> Result<Number, BackendError> {
    match json {
        Value::Number(whole) => Ok(Number::Int(whole.as_u64().ok_or("a whole number is not negative")?)),
        other => Ok(Number::Float(other.as_str().ok_or("a part is a number")?.parse()?)),
    }
}

metric! {
    /// Parcels.
    static PARCELS: Counter = "parcels_total" { labels: { to } };
}

fn main() -> Result<(), Box<dyn Error>> {
    // The second process: its environment names the backend, as for any program.
    if std::env::var_os("PYTHEUS_BACKEND_CLASS").is_some() {
        load_backend(BackendSpec::from_env())?;
        PARCELS.to("Oslo").inc_by(2);
        PARCELS.to("Rome").inc_by(5);
        // Sends the last counts before the process ends.
        pytheus::backends::shutdown(Duration::from_secs(10))?;
        return Ok(());
    }
    let directory = std::env::temp_dir().join(format!("pytheus-own-backend-{}", std::process::id()));
    let outcome = two_processes(&directory);
    fs::remove_dir_all(directory)?;
    outcome
}

fn two_processes(directory: &Path) -> Result<(), Box<dyn Error>> {
    let config = json!({"directory": directory});
    load_backend(BackendSpec::of::<FileStore>().with_config(config.clone()))?;
    PARCELS.to("Oslo").inc();

    let file = directory.join("config.json");
    fs::write(&file, config.to_string())?;
    let second = Command::new(std::env::current_exe()?)
        .env("PYTHEUS_BACKEND_CLASS", "file-store")
        .env("PYTHEUS_BACKEND_CONFIG", file)
        .status()?;
    assert!(second.success(), "the second process: {second}");
    print!("{}", generate_metrics()?);
    Ok(())
}
