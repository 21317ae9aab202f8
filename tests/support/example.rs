//! The programs of `examples/`, run as a user would.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// The program of an example, built from the sources as they are.
///
/// # Panics
///
/// When it does not build.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    // Their package alone, as its readers build it: features add up over the packages of a build.
    let folder = BUILT.get_or_init(|| build(&["-p", "pytheus-examples", "--examples"]));
    in_folder(folder, name)
}

/// The same with a feature, built as the README has it. The program without it is gone then.
///
/// # Panics
///
/// When it does not build.
pub fn program_with(name: &str, feature: &str) -> PathBuf {
    in_folder(&build(&["-p", "pytheus-examples", "--features", feature, "--example", name]), name)
}

fn in_folder(folder: &Path, name: &str) -> PathBuf {
    let program = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "there is no example `{name}`");
    program
}

/// Asks cargo, which has nothing to do under `tests/run.sh`; a single test would find none, or old ones.
fn build(what: &[&str]) -> PathBuf {
    let profile = crate::profile_dir();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).args(what).stdin(Stdio::null());
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo.arg("--target-dir").arg(crate::target_dir());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo runs").success(), "the examples don't build");
    profile.join("examples")
}

/// The names of all examples.
///
/// # Panics
///
/// When the folder can't be read.
pub fn names() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let files = std::fs::read_dir(folder).expect("the examples").map(|entry| entry.expect("an example").path());
    let programs = files.filter(|file| file.extension().is_some_and(|ext| ext == "rs"));
    let names = programs.filter_map(|file| file.file_stem()?.to_str().map(str::to_owned));
    let mut names: Vec<_> = names.filter(|name| name != "lib").collect();
    names.sort();
    names
}

/// An example that serves, until it is dropped.
#[derive(Debug)]
pub struct Serving {
    process: Child,
    address: SocketAddr,
    // Kept open: an example that prints must not fail.
    _output: BufReader<ChildStdout>,
}

impl Serving {
    /// Starts it on a free port, and waits until it says that it listens.
    ///
    /// # Panics
    ///
    /// When it ends before that.
    pub fn start(name: &str) -> Self {
        Self::start_on(name, 0)
    }

    /// The same on a given port.
    ///
    /// # Panics
    ///
    /// When it ends before that.
    pub fn start_on(name: &str, port: u16) -> Self {
        Self::start_with(name, port, &[])
    }

    /// The same, with more variables in its environment.
    ///
    /// # Panics
    ///
    /// When it ends before that.
    pub fn start_with(name: &str, port: u16, variables: &[(&str, OsString)]) -> Self {
        Self::start_program(&program(name), port, variables)
    }

    /// The same of this program.
    ///
    /// # Panics
    ///
    /// When it ends before that.
    pub fn start_program(program: &Path, port: u16, variables: &[(&str, OsString)]) -> Self {
        let mut process = Command::new(program)
            .envs([("HOST", "127.0.0.1"), ("PORT", &*port.to_string())])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut said = String::new();
        let address = loop {
            let before = said.len();
            let read = output.read_line(&mut said).expect("the example prints");
            assert!(read > 0, "`{}` ended before it listened: {said}", program.display());
            if let Some(address) = address_in(&said[before..]) {
                break address;
            }
        };
        Self { process, address, _output: output }
    }

    /// Waits until it has ended, as it was asked to.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn wait(mut self) {
        let status = self.process.wait().expect("it is a child of this process");
        assert!(status.success(), "{status}");
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Gets one of its pages.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> crate::Reply {
        crate::get(&format!("http://{}{path}", self.address)).expect("an answer")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address in `.. http://127.0.0.1:8080/ ..`.
pub fn address_in(line: &str) -> Option<SocketAddr> {
    line.split_once("http://")?.1.split('/').next()?.trim().parse().ok()
}
