//! Processes that count together in one directory, with two variables of their environment set and nothing else.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::worker::{Worker, rerun};

/// Says to this program what to do when it is run as a child.
const CASE: &str = "TEST_CASE";

/// What processes share.
#[derive(Debug)]
pub struct Shared {
    folder: tempfile::TempDir,
}

impl Shared {
    /// A directory that is not there yet, and a configuration that names it.
    ///
    /// # Panics
    ///
    /// When no file can be written.
    pub fn new() -> Self {
        let shared = Self { folder: tempfile::tempdir().expect("a folder") };
        let config = serde_json::json!({"directory": shared.directory()});
        fs::write(shared.config(), config.to_string()).expect("the folder can be written to");
        shared
    }

    /// Where the files of the processes are.
    pub fn directory(&self) -> PathBuf {
        self.folder.path().join("metrics")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("pytheus.json")
    }

    /// The variables that a process needs in its environment: no more than these.
    pub fn variables(&self) -> [(&'static str, OsString); 2] {
        [("PYTHEUS_BACKEND_CLASS", "file".into()), ("PYTHEUS_BACKEND_CONFIG", self.config().into())]
    }

    /// The names of the files, in order; those of processes without what tells them apart.
    ///
    /// # Panics
    ///
    /// When the directory is not there.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory()).expect("the directory is there");
        let names = entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned());
        let names = names.map(|name| match name.rsplit_once('-') {
            Some((kind, id)) if id.len() == 32 => kind.to_owned(),
            _ => name,
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// Starts a worker that attaches to the directory with its first scrape.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn worker(&self) -> Worker {
        Worker::silent_with(&self.variables())
    }

    /// Returns a command that runs the test `child` of the caller's file, which asks for its [`case`].
    #[track_caller]
    pub fn command(&self, case: &str) -> Command {
        let mut command = rerun("child");
        command.env(CASE, case).envs(self.variables());
        // The output of the test harness goes to standard output, that of the process itself to standard error.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}

/// What this process is to do as a child; nothing, if it is no child.
pub fn case() -> Option<String> {
    env::var(CASE).ok()
}

/// Of a scrape, what the processes share: not what each says of itself.
pub fn of_all(text: &str) -> String {
    let of_one =
        |line: &&str| !line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with("pytheus_");
    text.lines().filter(of_one).flat_map(|line| [line, "\n"]).collect()
}

/// Random numbers that are the same each time for the same seed: `SplitMix64`.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// One less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}
