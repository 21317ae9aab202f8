//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::race::{Crew, Pace};
use crate::rows::Run;

const HELP: &str = "\
Usage: cargo run --release -- [--quick] [--out FILE] [--plot FILE] | --compile

  --quick      short rounds, and at most 10,000 series: under a minute
  --out FILE   the figures as CSV, or as JSON when the name ends so (default: results.csv beside this package)
  --plot FILE  the plot (default: results.svg beside this package)
  --compile    instead: crates and clean release build of a program with one counter, per library; with
               --quick once instead of the least of three";

#[derive(Debug)]
pub struct Options {
    pub quick: bool,
    pub compile: bool,
    pub here: PathBuf,
    pub out: PathBuf,
    pub plot: PathBuf,
}

impl Options {
    /// The options, or what to tell the user.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
        let (out, plot) = (here.join("results.csv"), here.join("results.svg"));
        let mut options = Self { quick: false, compile: false, here, out, plot };
        while let Some(argument) = arguments.next() {
            let mut file =
                || arguments.next().map(PathBuf::from).ok_or_else(|| format!("{argument} needs a file\n\n{HELP}"));
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--compile" => options.compile = true,
                "--out" => options.out = file()?,
                "--plot" => options.plot = file()?,
                "--help" | "-h" => return Err(HELP.to_owned()),
                _ => return Err(format!("unknown option: {argument}\n\n{HELP}")),
            }
        }
        Ok(options)
    }

    pub fn run(&self) -> Run {
        let (rounds, round, most) = if self.quick { (7, 1, 10_000) } else { (41, 2, 1_000_000) };
        Run { crew: Crew::new(8), pace: Pace { rounds, round: Duration::from_millis(round) }, most }
    }
}
