//! The command line.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::race::{Crew, Pace};
use crate::rows::{KEYS, Mode, Run};

const HELP: &str = "\
Usage: cargo run --release -- [--quick] [--only GROUP[,GROUP]] [--out FILE] [--plot FILE]
                              [--processes | --redis | --compile]

  --quick      short rounds, and at most 10,000 series: under a minute
  --only LIST  these groups alone, separated by commas
  --out FILE   the figures as CSV, or as JSON when the name ends so
  --plot FILE  the plot
  --processes  instead: what it costs that several processes count in files, against one, and against Python's
  --redis      instead: what it costs that the totals are in a Redis, against one process, and against Python's; needs
               `--features redis` before the `--`
  --compile    instead: crates and clean release build of a program with one counter, per library; with
               --quick once instead of the least of three

A run that is neither quick nor of some groups alone is kept as results.csv and results.svg beside this package, as
processes.csv and processes.svg, or as redis.csv, unless other files are named.";

#[derive(Debug)]
pub struct Options {
    pub quick: bool,
    pub mode: Mode,
    pub here: PathBuf,
    pub only: Vec<String>,
    pub out: Option<PathBuf>,
    pub plot: Option<PathBuf>,
}

impl Options {
    /// The options, or what to tell the user.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
        let only = Vec::new();
        let mut options = Self { quick: false, mode: Mode::Libraries, here, only, out: None, plot: None };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n\n{HELP}"));
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--processes" => options.mode = Mode::Processes,
                "--redis" => options.mode = Mode::Redis,
                "--compile" => options.mode = Mode::Compile,
                "--only" => options.only = groups(&value()?)?,
                "--out" => options.out = Some(value()?.into()),
                "--plot" => options.plot = Some(value()?.into()),
                "--help" | "-h" => return Err(HELP.to_owned()),
                _ => return Err(format!("unknown option: {argument}\n\n{HELP}")),
            }
        }
        // What the project shows comes from a whole run.
        if !options.quick && options.only.is_empty() {
            let (figures, plot) = match options.mode {
                Mode::Libraries => ("results.csv", Some("results.svg")),
                Mode::Processes => ("processes.csv", Some("processes.svg")),
                Mode::Redis => ("redis.csv", None),
                Mode::Compile => ("compile.csv", None),
            };
            options.out.get_or_insert(options.here.join(figures));
            options.plot = options.plot.or(plot.map(|plot| options.here.join(plot)));
        }
        let redis = options.mode == Mode::Redis || options.only.iter().any(|group| group.starts_with("redis_"));
        if redis {
            needs_redis()?;
        }
        Ok(options)
    }

    pub fn run(&self) -> Run {
        let (rounds, round, most) = if self.quick { (7, 1, 10_000) } else { (41, 2, 1_000_000) };
        Run {
            crew: Crew::new(8),
            pace: Pace { rounds, round: Duration::from_millis(round) },
            most,
            only: self.only.clone(),
            mode: self.mode,
        }
    }
}

fn needs_redis() -> Result<(), String> {
    if !cfg!(feature = "redis") {
        return Err("what has to do with Redis needs: cargo run --release --features redis -- --redis".to_owned());
    }
    let asked = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    let missing = |error| format!("redis-server can't be run ({error}); on Debian: apt-get install redis-server");
    asked.map(drop).map_err(missing)
}

fn groups(list: &str) -> Result<Vec<String>, String> {
    let groups: Vec<_> = list.split(',').map(|group| group.trim().to_owned()).collect();
    match groups.iter().find(|group| !KEYS.contains(&group.as_str())) {
        Some(unknown) => Err(format!("no such group: {unknown}; there are {}", KEYS.join(", "))),
        None => Ok(groups),
    }
}
