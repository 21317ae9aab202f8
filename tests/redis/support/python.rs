//! Metrics shared with Python's pytheus, and a process of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pytheus::backends::{BackendError, Value, json};
use pytheus::descriptor::GaugeMode;
use pytheus::metrics::{Counter, Family, Gauge, Histogram, Summary};
use support::python::{Parser, interpreter};

use crate::server::Server;

/// Values, by name and labels.
pub type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Label values with several encodings in JSON.
pub const ODD: [&str; 7] =
    ["/", "a \"quoted\" \\ path", "line\nbreak\ttab", "é€😀", "\u{7f}\u{1}", "{\"path\": \"x\"}", "<&>'"];

/// The metrics in this program.
#[derive(Debug)]
pub struct Metrics {
    plain: Counter,
    /// The metric to be cleared.
    pub by_label: Family<Counter>,
    by_default: Family<Counter>,
    all_default: Family<Counter>,
    level: Gauge,
    level_by_label: Family<Gauge>,
    busy: Gauge,
    times: Histogram,
    times_by_label: Family<Histogram>,
    sizes: Summary,
    sizes_by_label: Family<Summary>,
}

impl Metrics {
    /// Declares the metrics.
    ///
    /// # Errors
    ///
    /// When they are declared already.
    pub fn new() -> Result<Self, BackendError> {
        let eu = [("region", "eu")];
        Ok(Self {
            plain: Counter::builder("plain_total", "C.").build()?,
            by_label: Counter::builder("by_label_total", "C.").label_names(["method", "path"]).build()?,
            by_default: Counter::builder("by_default_total", "C.")
                .label_names(["path", "region"])
                .default_labels(eu)
                .build()?,
            all_default: Counter::builder("all_default_total", "C.")
                .label_names(["region"])
                .default_labels(eu)
                .build()?,
            level: Gauge::builder("level", "G.").build()?,
            level_by_label: Gauge::builder("level_by_label", "G.").label_names(["room"]).build()?,
            busy: Gauge::builder("busy", "G.").mode(GaugeMode::LiveSum).build()?,
            times: Histogram::builder("times", "H.").buckets([0.5, 1.0, 2.5, 10.0]).build()?,
            times_by_label: Histogram::builder("times_by_label", "H.")
                .label_names(["method", "path"])
                .buckets([0.000_01, 1.0, 2.5])
                .build()?,
            sizes: Summary::builder("sizes", "S.").build()?,
            sizes_by_label: Summary::builder("sizes_by_label", "S.").label_names(["method"]).build()?,
        })
    }

    /// Makes a [call] as Python does.
    ///
    /// # Errors
    ///
    /// When there are no such labels.
    pub fn act(&self, list: &Value) -> Result<(), BackendError> {
        let text = |place: usize| list[place].as_str().unwrap_or_default();
        let amount = list[3].as_f64().unwrap_or_default();
        let pairs: Vec<(&str, &str)> = list[2]
            .as_array()
            .into_iter()
            .flatten()
            .map(|pair| (pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default()))
            .collect();
        let gauge = |gauge: &Gauge| match text(0) {
            "set" => gauge.set(amount),
            "inc" => gauge.inc_by(amount),
            _ => gauge.dec_by(amount),
        };
        match text(1) {
            "plain_total" => self.plain.inc_by(amount),
            "by_label_total" => self.by_label.labels(pairs)?.inc_by(amount),
            "by_default_total" => self.by_default.labels(pairs)?.inc_by(amount),
            "all_default_total" => self.all_default.labels(pairs)?.inc_by(amount),
            "level" => gauge(&self.level),
            "level_by_label" => gauge(&self.level_by_label.labels(pairs)?),
            "busy" => gauge(&self.busy),
            "times" => self.times.observe(amount),
            "times_by_label" => self.times_by_label.labels(pairs)?.observe(amount),
            "sizes" => self.sizes.observe(amount),
            _ => self.sizes_by_label.labels(pairs)?.observe(amount),
        }
        Ok(())
    }
}

/// A process with Python's pytheus.
#[derive(Debug)]
pub struct Python {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Python {
    /// Starts a process, and declares the metrics.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(redis: &Server) -> Self {
        let mut command = Command::new(interpreter("pytheus"));
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/pytheus_redis.py"))
            .arg(redis.port().to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut python = Self { input: child.stdin.take(), child, output };
        assert_eq!(python.answer(), "ready");
        python
    }

    /// Makes a [call] there, or `["scrape"]`.
    ///
    /// # Panics
    ///
    /// When it ends instead.
    pub fn ask(&mut self, list: &Value) -> String {
        writeln!(self.input.as_mut().expect("it is open"), "{list}").expect("Python reads");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("Python writes");
        let answer: Value = line.parse().expect("Python is well");
        answer.as_str().expect("a text").to_owned()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It ends with its input.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Parses the samples of shared metrics.
///
/// # Panics
///
/// When a sample occurs twice, or the text is invalid.
pub fn samples(text: &str) -> Samples {
    thread_local! {
        /// One clock for all reads of a test.
        static PARSER: RefCell<Parser> = RefCell::new(Parser::start());
    }
    let mut samples = Samples::new();
    for family in PARSER.with_borrow_mut(|parser| parser.parse(text)).expect("it is right") {
        for sample in family.samples.into_iter().filter(|sample| !sample.name.starts_with("pytheus_")) {
            let mut labels = sample.labels;
            // As numbers: Python formats bounds as in the program.
            labels.entry("le".to_owned()).and_modify(|le| *le = le.parse::<f64>().expect("a number").to_string());
            let is_new = samples.insert((sample.name.clone(), labels), sample.value).is_none();
            assert!(is_new, "`{}` is there twice:\n{text}", sample.name);
        }
    }
    samples
}

/// Returns the value of a metric.
pub fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    samples.get(&(name.to_owned(), labels)).copied()
}

/// Builds a call of either language.
pub fn call(what: &str, name: &str, labels: &[(&str, &str)], value: f64) -> Value {
    json!([what, name, labels, value])
}
