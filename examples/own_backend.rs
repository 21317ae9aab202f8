//! A backend of one's own: the totals of several processes in one file, for you to copy and change.
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
//! Threads count in cells of their own process, as ever. Ten times a second a thread of pytheus sends what has changed to
//! [`Backend::apply`]: series, and by how much each number in them has grown. The backend adds that to what is in the
//! file `totals`, and a scrape shows what is in there. Four things make the totals right:
//!
//! - **One at a time.** Who reads or writes `totals` holds a lock on the file `lock`, which the system gives back if the
//!   process is killed.
//! - **All or nothing.** What is new is written beside the old, and then renamed. Who is killed in between has changed
//!   nothing.
//! - **Apart.** Versions of a program may declare a metric differently. Each declaration has its own numbers in the file, in
//!   the order in which they came; pytheus makes one family of them.
//! - **Once.** A batch that may have failed is sent again, under the same number. The number of the last batch of each
//!   process stands in the same file as the totals, so that a batch which was there before is known.
//!
//! Counters, histograms and summaries stay when a process ends: their numbers are in the file. Of gauges that speak of
//! living processes (`mode: live_sum` and its like) the file has one number for each process; they go with it. That a
//! process lives is told by a lock that it holds on a file `alive-..` until it ends, however that comes about.
//!
//! A process that is killed loses what it has counted since the last batch: a tenth of a second. Every batch writes the
//! whole file, which is fine for some hundred series; beyond that, use a database in the same way, with one transaction
//! where this has the lock and the renaming.

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
pub struct Ledger {
    directory: PathBuf,
    interval: Duration,
    /// Locked for as long as this process lives. A child closes it: there it would keep the lock when the parent is gone.
    alive: Mutex<Option<CloseOnFork>>,
    /// The label `pid` of this process.
    label: Mutex<String>,
}

impl Configure for Ledger {
    /// As in `PYTHEUS_BACKEND_CLASS`.
    const NAME: &'static str = "ledger";

    /// As in the file that `PYTHEUS_BACKEND_CONFIG` names. Each key that is read is one that exists; others are an error.
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

// It can be loaded by its name from now on.
pytheus::register_backend!(Ledger);

impl Backend for Ledger {
    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn aggregation_scope(&self) -> AggregationScope {
        AggregationScope::Machine
    }

    fn apply(&self, batch: &Batch) -> Result<(), BackendError> {
        let writer = batch.writer.to_string();
        self.change(&writer, batch.sequence, |book| {
            for change in &batch.changes {
                book.apply(&writer, change);
            }
        })
    }

    fn remove(&self, removal: &Removal) -> Result<(), BackendError> {
        self.change(&removal.writer.to_string(), removal.sequence, |book| {
            for (family, series) in &removal.series {
                for page in book.pages.iter_mut().filter(|page| page.family.is(family)) {
                    if let Some(series) = family.translate(series, &page.family) {
                        page.series.remove(&values_of(&page.family, &series));
                    }
                }
            }
        })
    }

    fn load(&self, totals: &mut Totals<'_>) -> Result<(), BackendError> {
        // For gauges that are read by a closure, which no batch has.
        totals.set_process_label(self.label());
        let book = {
            let _locked = self.lock()?;
            let mut book = self.read()?;
            self.bury_the_dead(&mut book)?;
            book
        };
        for page in &book.pages {
            if totals.includes(&page.family) {
                let (family, series, parts) = page.combined(&book.writers)?;
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

impl Ledger {
    fn label(&self) -> String {
        self.label.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn totals(&self) -> PathBuf {
        self.directory.join("totals")
    }

    fn life_of(&self, writer: &str) -> PathBuf {
        self.directory.join(format!("alive-{writer}"))
    }

    /// Keeps all others out until it is dropped.
    fn lock(&self) -> Result<Locked, BackendError> {
        let file = File::options().create(true).append(true).open(self.directory.join("lock"))?;
        file.lock()?;
        Ok(Locked(file))
    }

    /// Changes the file, unless that was done before under the same number.
    fn change(&self, writer: &str, sequence: u64, change: impl FnOnce(&mut Book)) -> Result<(), BackendError> {
        let _locked = self.lock()?;
        let mut book = self.read()?;
        self.bury_the_dead(&mut book)?;
        let known = match book.writers.entry(writer.to_owned()) {
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
        change(&mut book);
        let new = self.directory.join("totals.new");
        fs::write(&new, book.to_text())?;
        // Of both names, others see the old file or the new one, never a part.
        fs::rename(new, self.totals())?;
        Ok(())
    }

    fn read(&self) -> Result<Book, BackendError> {
        let path = self.totals();
        match fs::read_to_string(&path) {
            Ok(text) => Book::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Book::default()),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    /// Forgets who has died. Called under the lock, so that nobody is just coming to life.
    fn bury_the_dead(&self, book: &mut Book) -> Result<(), BackendError> {
        let mut dead = Vec::new();
        for writer in book.writers.keys() {
            let path = self.life_of(writer);
            let Ok(file) = File::options().append(true).open(&path) else {
                dead.push(writer.clone());
                continue;
            };
            match file.try_lock() {
                Ok(()) => {
                    fs::remove_file(&path)?;
                    dead.push(writer.clone());
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        // A scrape does not write the file: until the next batch, each finds them dead again.
        book.writers.retain(|writer, _| !dead.contains(writer));
        for page in book.pages.iter_mut().filter(|page| page.family.aggregation().is_live_only()) {
            for numbers in page.series.values_mut() {
                numbers.retain(|writer, _| !dead.contains(writer));
            }
            page.series.retain(|_, numbers| !numbers.is_empty());
        }
        Ok(())
    }

    /// What was there before is closed, and its lock is free.
    fn set_alive(&self, file: Option<CloseOnFork>) {
        *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }
}

/// The lock on the directory.
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Not by closing it: a child that was forked meanwhile has the file open, too.
        let _ = self.0.unlock();
    }
}

/// What is in the file.
#[derive(Debug, Default)]
struct Book {
    /// By the number of the writer.
    writers: BTreeMap<String, Writer>,
    /// A page for each declaration, the oldest first.
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Writer {
    /// The label `pid` of its process.
    process: String,
    /// The number of its last batch.
    sequence: u64,
}

#[derive(Debug)]
struct Page {
    family: Arc<FamilyKey>,
    /// The numbers of each series, by label values and then by writer; where all write to the same, there is one, of
    /// nobody.
    series: BTreeMap<Vec<String>, BTreeMap<String, Numbers>>,
}

#[derive(Debug)]
struct Numbers {
    parts: Vec<Number>,
    /// When they were set.
    stamp: u64,
}

impl Book {
    /// Brings in what one process has counted in one series.
    fn apply(&mut self, writer: &str, change: &Change) {
        let id = change.family.id();
        let place = self.pages.iter().position(|page| page.family.id() == id).unwrap_or_else(|| {
            self.pages.push(Page { family: Arc::clone(&change.family), series: BTreeMap::new() });
            self.pages.len() - 1
        });
        let page = &mut self.pages[place];
        let series = page.series.entry(values_of(&change.family, &change.series)).or_default();
        let aggregation = change.family.aggregation();
        let live = aggregation.is_live_only();
        let numbers = series
            .entry(if live { writer.to_owned() } else { String::new() })
            .or_insert_with(|| Numbers { parts: vec![Number::Int(0); change.deltas.len()], stamp: 0 });
        if aggregation == Aggregation::MostRecent {
            // Whichever process has set it: a later value takes its place.
            let mut latest = GaugeAggregate::new(aggregation);
            latest.add(numbers.parts[0].as_f64(), numbers.stamp);
            latest.add(change.totals[0].as_f64(), change.stamp);
            numbers.parts = latest.value().map(Number::Float).into_iter().collect();
            numbers.stamp = latest.set_at();
        } else if live || change.set {
            numbers.parts.clone_from(&change.totals);
            numbers.stamp = change.stamp;
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
        for page in &self.pages {
            lines.push(json!({"family": page.family.to_json()}));
            for (labels, numbers) in &page.series {
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
        let mut book = Self::default();
        for line in text.lines() {
            let line: Value = line.parse()?;
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            if line["writer"].is_string() {
                let sequence = line["sequence"].as_u64().ok_or("a writer has a `sequence`")?;
                book.writers.insert(text("writer"), Writer { process: text("process"), sequence });
            } else if line["family"].is_object() {
                let family = Arc::new(FamilyKey::from_json(&line["family"])?);
                book.pages.push(Page { family, series: BTreeMap::new() });
            } else {
                let page = book.pages.last_mut().ok_or("a series has a family")?;
                let texts = line["labels"].as_array().ok_or("a series has `labels`")?.iter();
                let labels = texts.map(|label| label.as_str().unwrap_or_default().to_owned()).collect();
                let parts = line["parts"].as_array().ok_or("a series has `parts`")?;
                let parts: Result<Vec<_>, _> = parts.iter().map(number_from_json).collect();
                let numbers = Numbers { parts: parts?, stamp: line["stamp"].as_u64().unwrap_or_default() };
                page.series.entry(labels).or_default().insert(text("of"), numbers);
            }
        }
        Ok(book)
    }
}

impl Page {
    /// What a scrape shows of the family.
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
                // The label has a place among the others, by its name.
                let names: Vec<_> = family.descriptor().label_names().collect();
                let place = names.iter().position(|name| *name == "pid").unwrap_or_default();
                for (writer, numbers) in numbers {
                    let process = writers.get(writer).map_or("", |writer| &writer.process);
                    let mut values = values.clone();
                    values.insert(place, process);
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
                // The facts of an info metric are stated, or not.
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

/// A label `pid` that no other process has, though it may have the same number: in another container, say.
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

/// Whole numbers as they are; all others as text, for JSON has neither infinities nor NaN.
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
    // The second process: as any program, told by the environment what to load.
    if std::env::var_os("PYTHEUS_BACKEND_CLASS").is_some() {
        load_backend(BackendSpec::from_env())?;
        PARCELS.to("Oslo").inc_by(2);
        PARCELS.to("Rome").inc_by(5);
        // What is counted last before a process ends is sent at once.
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
    load_backend(BackendSpec::of::<Ledger>().with_config(config.clone()))?;
    PARCELS.to("Oslo").inc();

    let file = directory.join("config.json");
    fs::write(&file, config.to_string())?;
    let second = Command::new(std::env::current_exe()?)
        .env("PYTHEUS_BACKEND_CLASS", "ledger")
        .env("PYTHEUS_BACKEND_CONFIG", file)
        .status()?;
    assert!(second.success(), "the second process: {second}");
    print!("{}", generate_metrics()?);
    Ok(())
}
