//! Scrapes while others count, and holds each scrape to what every scrape promises.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;

use pytheus::descriptor::Kind;
use pytheus::exposition::generate_metrics_from;
use pytheus::registry::Registry;

/// The value of each sample, by its name and labels as the text shows them: `jobs_total{queue="mail"}`.
pub type Samples = BTreeMap<String, f64>;

/// Every sample of a registry.
///
/// # Panics
///
/// When it can't be scraped, or shows a sample twice.
pub fn samples(registry: &dyn Registry) -> Samples {
    by_name(collected(registry))
}

/// Every sample in a Prometheus text.
///
/// # Panics
///
/// When a sample is there twice, or a line is no sample.
pub fn samples_of_text(text: &str) -> Samples {
    by_name(read(text))
}

/// Where two sets of samples differ, one line each.
pub fn difference(expected: &Samples, found: &Samples) -> String {
    let mut lines = String::new();
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let (expected, found) = (expected.get(key), found.get(key));
        if expected != found {
            let _ = writeln!(lines, "{key}: expected {expected:?}, found {found:?}");
        }
    }
    lines
}

/// Makes scrapes of one registry, and compares each with the one before.
#[allow(missing_debug_implementations, reason = "a registry has no such text")]
pub struct ScrapeOracle<'a> {
    registry: &'a dyn Registry,
    observed: Vec<(&'a str, &'a [f64])>,
    volatile: Vec<&'a str>,
    last: HashMap<String, f64>,
    scrapes: u64,
}

impl<'a> ScrapeOracle<'a> {
    /// Checks that nothing but gauges goes down or goes away, and that `+Inf` is the count.
    pub fn new(registry: &'a dyn Registry) -> Self {
        Self { registry, observed: Vec::new(), volatile: Vec::new(), last: HashMap::new(), scrapes: 0 }
    }

    /// Checks, too, that each observation of this family is seen whole: all in bucket `i` are `values[i]`, so the
    /// buckets tell the sum. A summary is one bucket.
    #[must_use]
    pub fn whole(mut self, family: &'a str, values: &'a [f64]) -> Self {
        self.observed.push((family, values));
        self
    }

    /// The series of this family are taken out meanwhile, and begin again at zero.
    #[must_use]
    pub fn volatile(mut self, family: &'a str) -> Self {
        self.volatile.push(family);
        self
    }

    /// How many scrapes there were.
    pub fn scrapes(&self) -> u64 {
        self.scrapes
    }

    /// Scrapes once: by turns as data and as text, which go different ways.
    ///
    /// # Errors
    ///
    /// Names the sample that is wrong.
    pub fn scrape(&mut self) -> Result<(), String> {
        self.scrapes += 1;
        let (way, families) = if self.scrapes.is_multiple_of(2) {
            ("text", read(&generate_metrics_from(self.registry).map_err(|error| error.to_string())?))
        } else {
            ("data", collected(self.registry))
        };
        self.check(families).map_err(|error| format!("scrape {} ({way}): {error}", self.scrapes))
    }

    /// Checks what someone else scraped.
    ///
    /// # Errors
    ///
    /// Names the sample that is wrong.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        self.scrapes += 1;
        self.check(read(text))
    }

    fn check(&mut self, families: Vec<Family>) -> Result<(), String> {
        let before = std::mem::take(&mut self.last);
        for family in families {
            let values = self.observed.iter().find(|(name, _)| *name == family.name).map(|(_, values)| *values);
            check_parts(&family, values)?;
            if family.is_gauge || self.volatile.contains(&family.name.as_str()) {
                continue;
            }
            for line in family.lines {
                let key = format!("{}{}{}", family.name, line.suffix, line.labels);
                match before.get(&key) {
                    Some(before) if *before > line.value => {
                        return Err(format!("{key} went down from {before} to {}", line.value));
                    }
                    _ => self.last.insert(key, line.value),
                };
            }
        }
        match before.keys().find(|key| !self.last.contains_key(*key)) {
            Some(key) => Err(format!("{key} was there, and is no more")),
            None => Ok(()),
        }
    }
}

/// Scrapes again and again while `work` runs, and once after it.
///
/// # Errors
///
/// Names the first sample that was wrong.
pub fn while_scraping(oracles: &mut [ScrapeOracle<'_>], work: impl FnOnce()) -> Result<(), String> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            loop {
                let last = done.load(Acquire);
                oracles.iter_mut().try_for_each(ScrapeOracle::scrape)?;
                if last {
                    return Ok(());
                }
            }
        });
        let raise = Raise(&done);
        work();
        drop(raise);
        scraper.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Raises a flag when it is dropped, by a panic too: whoever waits for it, or runs until then, ends.
#[derive(Debug)]
pub struct Raise<'a>(pub &'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Release);
    }
}

/// `+Inf` is the count, the buckets rise, and they tell the sum.
fn check_parts(family: &Family, values: Option<&[f64]>) -> Result<(), String> {
    let name = &family.name;
    let (mut buckets, mut sum) = (Vec::new(), 0.0);
    for line in &family.lines {
        match line.suffix.as_str() {
            "_bucket" => buckets.push(line.value),
            "_sum" => sum = line.value,
            "_count" => {
                let (count, labels) = (line.value, &line.labels);
                // A summary has none.
                if buckets.is_empty() {
                    buckets.push(count);
                }
                if !buckets.is_sorted() {
                    return Err(format!("{name}{labels}: the buckets fall: {buckets:?}"));
                }
                if buckets.last().is_some_and(|all| all.to_bits() != count.to_bits()) {
                    return Err(format!("{name}{labels}: `_count` is {count}, but the buckets are {buckets:?}"));
                }
                if let Some(values) = values {
                    let below = [0.0].into_iter().chain(buckets.iter().copied());
                    let single = buckets.iter().zip(below).map(|(upto, below)| upto - below);
                    let expected: f64 = single.zip(values).map(|(count, value)| count * value).sum();
                    // Of powers of two and their like, all sums are exact.
                    if (sum - expected).abs() > 0.0 {
                        return Err(format!(
                            "{name}{labels}: an observation is not seen whole: the sum is {sum}, but the buckets \
                             {buckets:?} make it {expected}"
                        ));
                    }
                }
                buckets.clear();
            }
            _ => {}
        }
    }
    Ok(())
}

struct Family {
    name: String,
    is_gauge: bool,
    lines: Vec<Line>,
}

struct Line {
    suffix: String,
    /// With braces; nothing when there are none.
    labels: String,
    value: f64,
}

fn by_name(families: Vec<Family>) -> Samples {
    let mut samples = Samples::new();
    for family in families {
        for line in family.lines {
            let key = format!("{}{}{}", family.name, line.suffix, line.labels);
            assert!(samples.insert(key.clone(), line.value).is_none(), "{key} is there twice");
        }
    }
    samples
}

fn collected(registry: &dyn Registry) -> Vec<Family> {
    let families = registry.collect().expect("one process can always be scraped");
    let of = |family: &pytheus::snapshot::FamilySnapshot| {
        let samples = family.samples();
        let lines = samples.iter().map(|sample| {
            let labels: Vec<_> = sample
                .labels()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}=\"{value}\""))
                .collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            Line { suffix: sample.suffix().to_owned(), labels, value: sample.value().as_f64() }
        });
        let is_gauge = matches!(family.kind(), Kind::Gauge | Kind::Info | Kind::StateSet);
        Family { name: family.name().to_owned(), is_gauge, lines: lines.collect() }
    };
    families.iter().map(of).collect()
}

fn read(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            families.push(Family { name: name.to_owned(), is_gauge: kind == "gauge", lines: Vec::new() });
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let family = families.last_mut().unwrap_or_else(|| panic!("a sample before its type: {line}"));
        let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let (name, labels) = key.split_at(key.find('{').unwrap_or(key.len()));
        let suffix = name.strip_prefix(family.name.as_str()).unwrap_or_else(|| panic!("not of its family: {line}"));
        let value = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        family.lines.push(Line { suffix: suffix.to_owned(), labels: labels.to_owned(), value });
    }
    families
}
