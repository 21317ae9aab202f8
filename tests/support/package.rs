//! Packages as a user has them, built by cargo apart from this workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A workspace of packages, written anew.
#[derive(Debug)]
pub struct Workspace(PathBuf);

impl Workspace {
    /// An empty one in this folder, with the versions of dependencies that this workspace has.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn new(folder: &Path, members: &[&str]) -> Self {
        let _ = fs::remove_dir_all(folder);
        let workspace = Self(folder.to_owned());
        // The profile is that of this workspace, so that dependencies which are built already serve.
        let manifest = format!(
            "[workspace]\nresolver = \"3\"\nmembers = {members:?}\n[profile.dev]\ndebug = \"line-tables-only\"\n\
             incremental = false\n"
        );
        workspace.write("Cargo.toml", &manifest);
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        fs::copy(lock, folder.join("Cargo.lock")).expect("the lock file is copied");
        workspace
    }

    /// Adds a package with `pytheus`; `rest` goes into its manifest.
    #[must_use]
    pub fn package(self, name: &str, rest: &str, files: &[(&str, &str)]) -> Self {
        let pytheus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pytheus");
        let manifest = format!(
            "[package]\nname = {name:?}\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\npytheus.path = '{}'\n{rest}",
            pytheus.display()
        );
        self.write(&format!("{name}/Cargo.toml"), &manifest);
        for (path, text) in files {
            self.write(&format!("{name}/{path}"), text);
        }
        self
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder is made");
        fs::write(path, text).expect("the file is written");
    }

    /// Returns the path of a file in it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Runs cargo, without a network.
    ///
    /// # Panics
    ///
    /// When cargo can't be run.
    pub fn cargo(&self, arguments: &[&str]) -> Output {
        self.cargo_with("", arguments)
    }

    fn cargo_with(&self, rustflags: &str, arguments: &[&str]) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).args(["--offline", "--target-dir"]).arg(crate::target_dir()).current_dir(&self.0);
        // Flags of the run that this test is in would build everything anew.
        cargo.env("RUSTFLAGS", rustflags).env_remove("CARGO_ENCODED_RUSTFLAGS").stdin(Stdio::null());
        cargo.output().expect("cargo runs")
    }

    /// Builds packages, and returns the folder of the programs and libraries.
    ///
    /// # Panics
    ///
    /// When they don't build.
    pub fn build(&self, packages: &[&str]) -> PathBuf {
        self.build_with("", packages)
    }

    /// The same, with flags for rustc.
    ///
    /// # Panics
    ///
    /// When they don't build.
    pub fn build_with(&self, rustflags: &str, packages: &[&str]) -> PathBuf {
        let mut arguments = vec!["build", "--quiet"];
        arguments.extend(packages.iter().flat_map(|package| ["-p", package]));
        succeeds(&self.cargo_with(rustflags, &arguments));
        crate::target_dir().join("debug")
    }
}

/// Returns the standard output of a process that succeeded.
///
/// # Panics
///
/// When it fails; the message has what it said.
pub fn succeeds(output: &Output) -> String {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{error}", output.status);
    out.into_owned()
}
