//! Python, with what it is measured against: `prometheus_client` in its multiprocess mode, and what counts in a Redis.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use super::process::{Directory, Process};

const REQUIREMENTS: &str = include_str!("../../../python/requirements.txt");
const PROCESS: &str = include_str!("../../../python/process.py");

/// A Python that has it all; `None`, and a message, where there is none.
pub(in crate::rows) fn python() -> Option<PathBuf> {
    installed().map_err(|reason| println!("what is Python's is left out: {reason}\n")).ok()
}

/// In the target directory.
fn installed() -> Result<PathBuf, String> {
    let here = env::current_exe().map_err(|error| error.to_string())?;
    let venv = here.parent().and_then(Path::parent).ok_or("there is no target directory")?.join("python");
    let (python, done) = (venv.join("bin/python3"), venv.join("requirements.txt"));
    if fs::read_to_string(&done).is_ok_and(|known| known == REQUIREMENTS)
        && succeeds(&mut Command::new(&python), &["-c", ""])
    {
        return Ok(python);
    }
    // One without `ensurepip` is passed over.
    let able = ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(|python| succeeds(&mut Command::new(python), &["-c", "import ensurepip, venv"]));
    let able = able.ok_or("no python3 with venv; on Debian: apt-get install python3-venv")?;
    let make = || -> io::Result<bool> {
        if venv.exists() {
            fs::remove_dir_all(&venv)?;
        }
        let made = Command::new(able).args(["-m", "venv"]).arg(&venv).stdout(Stdio::null()).status()?;
        let wanted = venv.join("wanted.txt");
        fs::write(&wanted, REQUIREMENTS)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&wanted);
        // Last, so that an attempt that failed is made again.
        Ok(made.success() && pip.status()?.success() && fs::write(&done, REQUIREMENTS).is_ok())
    };
    match make() {
        Ok(true) => Ok(python),
        Ok(false) => Err("pip can't install it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn succeeds(command: &mut Command, arguments: &[&str]) -> bool {
    let quiet = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

impl Process {
    /// One of Python's, that counts in files there.
    pub(super) fn python(python: &Path, directory: &Directory) -> Self {
        fs::create_dir_all(directory.path()).unwrap_or_else(|error| panic!("{}: {error}", directory.path().display()));
        Self::start(Command::new(python).args(["-c", PROCESS]).env("PROMETHEUS_MULTIPROC_DIR", directory.path()))
    }
}
