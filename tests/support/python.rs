//! The parsers of `PyPI`'s `prometheus_client`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A Python process that parses one exposition after the other.
#[derive(Debug)]
pub struct Parser {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// A family as Python reads it: that of a counter without its `_total`.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The name.
    pub name: String,
    /// The help text.
    pub help: String,
    /// The type.
    pub kind: String,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// A line as Python reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The full name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Parser {
    /// Starts Python.
    ///
    /// # Panics
    ///
    /// When the virtual environment that `tests/run.sh` makes is not there.
    pub fn start() -> Self {
        let mut process = Command::new(interpreter("prometheus_client"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/parse.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        Self { process, input, output }
    }

    /// Parses Prometheus text.
    ///
    /// # Errors
    ///
    /// What the parser says when it refuses the text.
    ///
    /// # Panics
    ///
    /// When Python died.
    pub fn parse(&mut self, exposition: &str) -> Result<Vec<Family>, String> {
        self.parse_as("text", exposition)
    }

    /// Parses `OpenMetrics` text, strictly.
    ///
    /// # Errors
    ///
    /// What the parser says when it refuses the text.
    ///
    /// # Panics
    ///
    /// When Python died.
    pub fn parse_openmetrics(&mut self, exposition: &str) -> Result<Vec<Family>, String> {
        self.parse_as("openmetrics", exposition)
    }

    fn parse_as(&mut self, format: &str, exposition: &str) -> Result<Vec<Family>, String> {
        let input = self.input.as_mut().expect("Python lives");
        writeln!(input, "{}", serde_json::json!([format, exposition])).expect("Python reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("Python writes");
        let answer: Value = serde_json::from_str(&line).expect("Python answers");
        if let Some(error) = answer["error"].as_str() {
            return Err(error.to_owned());
        }
        let families = answer["families"].as_array().expect("families");
        Ok(families.iter().map(family).collect())
    }
}

/// Python, with the packages that the tests need, of which this is one.
///
/// # Panics
///
/// When the virtual environment that `tests/run.sh` makes is not there.
pub fn interpreter(package: &str) -> PathBuf {
    let profile = crate::profile_dir();
    let mut places = profile.ancestors().map(|folder| folder.join("python/bin/python3"));
    let found = places.find(|file| file.exists());
    found.unwrap_or_else(|| panic!("PyPI's `{package}` is missing: tests/run.sh (or tests/setup.sh alone) installs it"))
}

impl Drop for Parser {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.input = None;
        let _ = self.process.wait();
    }
}

fn family(json: &Value) -> Family {
    Family {
        name: text(&json["name"]),
        help: text(&json["help"]),
        kind: text(&json["type"]),
        samples: json["samples"].as_array().expect("samples").iter().map(sample).collect(),
    }
}

fn sample(json: &Value) -> Sample {
    let labels = json[1].as_object().expect("labels");
    Sample {
        name: text(&json[0]),
        labels: labels.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        // `repr` of a float reads back as the same float.
        value: text(&json[2]).parse().expect("a number"),
    }
}

fn text(json: &Value) -> String {
    json.as_str().expect("a string").to_owned()
}
