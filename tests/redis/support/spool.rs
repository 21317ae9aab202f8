//! The files in a spool.

use std::fs;
use std::path::Path;

use support::wait_for;

/// Counts the files of a kind.
///
/// # Panics
///
/// When there is no such directory.
pub fn files(spool: &Path, kind: &str) -> usize {
    let directories = fs::read_dir(spool).expect("it is there").map(|entry| entry.expect("an entry").path());
    let names = directories.flat_map(|directory| fs::read_dir(directory).expect("it is there"));
    names
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(kind)))
        .count()
}

/// Waits until only the files of living processes are left.
///
/// # Panics
///
/// When other files are left for a minute.
pub fn wait_for_heirs(spool: &Path, living: usize) {
    wait_for("the recovery", || match files(spool, "process-") {
        left if left == living => Ok(()),
        left => Err(format!("{left} files")),
    });
}
