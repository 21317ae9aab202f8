//! The sources of the packages, for tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the folder of the whole repository.
///
/// # Panics
///
/// Never: the tests stand in a folder of it.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the repository").to_owned()
}

/// Lists the files below a folder that end in one of these extensions, in the order of their names.
///
/// # Panics
///
/// When the folder can't be read.
#[must_use]
pub fn below(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(below(&path, extensions));
        } else if path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted)) {
            found.push(path);
        }
    }
    found
}
