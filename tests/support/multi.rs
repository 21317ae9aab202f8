//! Processes that count together in one directory, with two variables of their environment set and nothing else.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::{env, fs};

use pytheus::exposition::generate_metrics;

/// Says to this program what to do when it is run as a child.
const CASE: &str = "TEST_CASE";
/// Ends each answer of a [`Scraper`].
const END: &str = "# That is all.\n";

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

    /// Runs this test program as another process that does what `case` says. The program has a test `child` that
    /// asks [`case`].
    ///
    /// # Panics
    ///
    /// When this program has no path.
    pub fn command(&self, case: &str) -> Command {
        let mut command = Command::new(env::current_exe().expect("this test is a file"));
        command.args(["--exact", "child", "--nocapture"]).env(CASE, case).envs(self.variables());
        // What the test harness prints goes to standard output; standard error is what the process itself says.
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

/// A process that scrapes when it is asked to, until it is dropped.
#[derive(Debug)]
pub struct Scraper {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStderr>,
}

impl Scraper {
    /// The case that a child is to answer with [`answer_scrapes`].
    pub const CASE: &str = "scrape";

    /// Starts it; it attaches to the directory with its first scrape.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(shared: &Shared) -> Self {
        let mut process = shared.command(Self::CASE).stdin(Stdio::piped()).spawn().expect("a child");
        let input = process.stdin.take();
        let output = BufReader::new(process.stderr.take().expect("a pipe"));
        Self { process, input, output }
    }

    /// A scrape of all processes, made by this one; nothing if it was killed meanwhile.
    ///
    /// # Errors
    ///
    /// What it says when it can't.
    pub fn scrape(&mut self) -> Result<Option<String>, String> {
        self.ask();
        self.answer()
    }

    /// Asks for a scrape, and does not wait for it.
    ///
    /// # Panics
    ///
    /// When it was dropped.
    pub fn ask(&mut self) {
        // One that was killed does not hear it.
        let _ = self.input.as_mut().expect("it was not ended").write_all(b"\n");
    }

    /// The scrape that was asked for; nothing if it was killed meanwhile.
    ///
    /// # Errors
    ///
    /// What it says when it can't.
    pub fn answer(&mut self) -> Result<Option<String>, String> {
        let mut text = String::new();
        let ended = loop {
            if self.output.read_line(&mut text).map_err(|error| error.to_string())? == 0 {
                break true;
            }
            if text.ends_with(END) {
                break false;
            }
        };
        // What it says besides: reports of the library, and panics.
        if text.contains("pytheus: ") || text.contains("panicked") {
            return Err(text);
        }
        text.truncate(text.len().saturating_sub(END.len()));
        Ok(if ended { None } else { Some(text) })
    }

    /// As [`scrape`](Self::scrape), of one that nobody kills.
    ///
    /// # Panics
    ///
    /// When it can't be had.
    #[track_caller]
    pub fn text(&mut self) -> String {
        self.scrape().unwrap_or_else(|said| panic!("{said}")).expect("nobody killed it")
    }

    /// Kills it, whatever it is at.
    ///
    /// # Panics
    ///
    /// When the system does not let it.
    pub fn kill(&mut self) {
        self.process.kill().expect("it is ours");
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.input = None;
        let _ = self.process.wait();
    }
}

/// In a child: answers each line of its standard input with a scrape.
///
/// # Panics
///
/// When it can't be made.
pub fn answer_scrapes() {
    for line in io::stdin().lines() {
        line.expect("a line");
        let text = generate_metrics().expect("the totals can be had") + END;
        if io::stderr().write_all(text.as_bytes()).is_err() {
            return;
        }
    }
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
