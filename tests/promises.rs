//! `promises.tsv` maps every promise of the documentation to tests that exist, or to a reason.
//!
//! A promise is a bullet of the guide, of the file backend's page or of the reference of the Redis backend that begins with
//! words in bold.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("promises.tsv");

/// Pages with promises beside those of the guide, below `pytheus/src`.
const PAGES: [&str; 2] = ["backends/file/mod.rs", "backends/redis/reference.md"];

/// A row: a page, the bold words of a bullet, its tests.
struct Row {
    page: &'static str,
    promise: &'static str,
    tests: Vec<&'static str>,
    reason: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| match *line.split('\t').collect::<Vec<_>>() {
        [page, promise, "-", reason] => Row { page, promise, tests: Vec::new(), reason: Some(reason) },
        [page, promise, tests] => Row { page, promise, tests: tests.split(", ").collect(), reason: None },
        _ => panic!("a row is a page, a promise and tests, or `-` and a reason: {line}"),
    };
    lines.map(row).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder, by their paths from there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The pages and the bold words that their bullets begin with.
fn promises() -> BTreeSet<(String, String)> {
    let source = root().join("pytheus/src");
    let guide = files(&source.join("guide")).into_iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    let pages = guide.chain(PAGES.map(|page| source.join(page)));
    let promises_of = |page: PathBuf| {
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let name = page.strip_prefix(&source).expect("a page").to_str().expect("ASCII").to_owned();
        let bullets = text.lines().filter_map(|line| line.trim_start_matches("/// ").strip_prefix("- **"));
        let words = bullets.filter_map(|bullet| Some(bullet.split_once("**")?.0.trim_end_matches(['.', ',', ':'])));
        words.map(|words| (name.clone(), words.to_owned())).collect::<Vec<_>>()
    };
    pages.flat_map(promises_of).collect()
}

/// The names of all functions with `#[test]` in the workspace, and the paths of the UI cases.
fn tests() -> BTreeSet<String> {
    let root = root();
    let sources = ["tests", "pytheus/src", "pytheus-macros/src"].map(|folder| files(&root.join(folder)));
    let mut tests = BTreeSet::new();
    for path in sources.iter().flatten().filter(|path| path.extension().is_some_and(|end| end == "rs")) {
        let from_here = path.strip_prefix(root.join("tests")).unwrap_or(path);
        if from_here.starts_with("ui") {
            tests.insert(from_here.to_str().expect("ASCII").to_owned());
            continue;
        }
        let source = fs::read_to_string(path).expect("a source is text");
        for rest in source.split("#[test]").skip(1) {
            let functions = rest.lines().filter_map(|line| line.trim_start().strip_prefix("fn ")?.split_once('('));
            tests.extend(functions.map(|(name, _)| name.to_owned()).next());
        }
    }
    tests
}

#[test]
fn every_promise_has_a_row_and_every_row_a_promise() {
    let rows: Vec<_> = rows().iter().map(|row| (row.page.to_owned(), row.promise.to_owned())).collect();
    let named: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(named.len(), rows.len(), "a promise has one row");
    let promises = promises();
    let missing: Vec<_> = promises.difference(&named).collect();
    assert!(missing.is_empty(), "no row in promises.tsv for {missing:#?}");
    let unknown: Vec<_> = named.difference(&promises).collect();
    assert!(unknown.is_empty(), "no page says {unknown:#?}");
}

#[test]
fn every_row_names_tests_that_exist_or_a_reason() {
    let tests = tests();
    assert!(tests.len() > 800, "{}", tests.len());
    let unknown: Vec<_> = rows().into_iter().flat_map(|row| row.tests).filter(|test| !tests.contains(*test)).collect();
    assert!(unknown.is_empty(), "promises.tsv names these, which are no tests: {unknown:#?}");
    assert!(
        rows().iter().all(|row| row.reason.is_none_or(|reason| !reason.is_empty())),
        "a row without tests has a reason"
    );
}
