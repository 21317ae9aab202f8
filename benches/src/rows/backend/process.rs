//! Processes that count, and where they do so.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use super::ARGUMENT;
use crate::race::Round;

/// A folder that goes with the value.
pub(in crate::rows) struct Directory(PathBuf);

impl Directory {
    /// Not yet there.
    pub(in crate::rows) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("pytheus-benches-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(env::temp_dir().join(name))
    }

    pub(in crate::rows) fn path(&self) -> &Path {
        &self.0
    }

    /// The lengths of the files whose names begin so.
    pub(in crate::rows) fn lengths(&self, prefix: &str) -> Vec<u64> {
        let files = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let files = files.filter(|file| file.file_name().to_string_lossy().starts_with(prefix));
        files.filter_map(|file| Some(file.metadata().ok()?.len())).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that answers; killed when dropped.
pub(in crate::rows) struct Process {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    /// One of ours, by itself.
    pub(in crate::rows) fn alone() -> Self {
        let this = env::current_exe().expect("this program is a file");
        Self::start(Command::new(this).arg(ARGUMENT))
    }

    /// One of ours, that counts in files there.
    pub(in crate::rows) fn within(directory: &Directory) -> Self {
        let mut process = Self::alone();
        process.load(directory);
        process
    }

    pub(in crate::rows) fn start(command: &mut Command) -> Self {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else { unreachable!("both are piped") };
        Self { child, to, from: BufReader::new(from) }
    }

    pub(in crate::rows) fn ask(&mut self, command: &str) -> Vec<f64> {
        let mut answer = String::new();
        let asked = writeln!(self.to, "{command}").and_then(|()| self.from.read_line(&mut answer));
        // It has said why.
        assert!(asked.is_ok_and(|length| length > 0), "no answer to `{command}`");
        answer.split_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    /// What took so many nanoseconds, whether it was disturbed, and whatever else was told.
    pub(in crate::rows) fn timed(&mut self, command: &str) -> (Round, Vec<f64>) {
        let answer = self.ask(command);
        let [cost, disturbed, ref rest @ ..] = answer[..] else { panic!("{answer:?} is no answer to `{command}`") };
        (Round { cost, disturbed: disturbed != 0.0 }, rest.to_vec())
    }

    pub(in crate::rows) fn load(&mut self, directory: &Directory) -> Round {
        self.timed(&format!("load {}", directory.path().display())).0
    }

    /// Counts once in each of so many series.
    pub(in crate::rows) fn count(&mut self, what: &str, series: usize) -> Round {
        self.timed(&format!("count {what} {series}")).0
    }

    /// The time of a scrape that shows this total.
    pub(in crate::rows) fn scrape(&mut self, total: usize) -> Round {
        let (round, shown) = self.timed("scrape");
        assert_eq!(shown, [total as f64], "a scrape shows another total");
        round
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In milliseconds.
pub(in crate::rows) fn milliseconds(round: Round) -> Round {
    Round { cost: round.cost / 1e6, ..round }
}

/// In microseconds.
pub(in crate::rows) fn microseconds(round: Round) -> Round {
    Round { cost: round.cost / 1e3, ..round }
}

/// For each of so many.
pub(in crate::rows) fn each(round: Round, parts: usize) -> Round {
    Round { cost: round.cost / parts as f64, ..round }
}
