//! `behaviours.tsv` maps every test of Python pytheus to tests that exist, or to a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const TABLE: &str = include_str!("behaviours.tsv");

/// The tests of upstream, one a line, with a head.
const UPSTREAM: &str = include_str!("upstream.txt");

/// The files whose tests stand for those of upstream.
const FOLDER: &str = "python_parity";
const EXPOSITION: &str = "python_exposition.rs";

/// This file: its tests are about the table, and not in it.
const SELF: &str = "table.rs";

/// A row: an upstream test, and what stands for it here.
struct Row {
    upstream: &'static str,
    behaviour: &'static str,
    /// `file::function`, or none.
    tests: Vec<&'static str>,
    reason: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let mut field = || fields.next().unwrap_or_default();
            let (upstream, behaviour, tests, reason) = (field(), field(), field(), field());
            assert_eq!(fields.next(), None, "a row has four fields at most: {line}");
            let tests = if tests == "-" { Vec::new() } else { tests.split(", ").collect() };
            Row { upstream, behaviour, tests, reason }
        })
        .collect()
}

/// The counts of the table's head, by upstream file, and their total.
fn head() -> (BTreeMap<&'static str, usize>, usize) {
    let counts = TABLE.lines().filter_map(|line| line.strip_prefix("# ")?.split_once(' '));
    let mut counts: BTreeMap<_, _> = counts.filter_map(|(count, file)| Some((file, count.parse().ok()?))).collect();
    let total = counts.remove("total").expect("the head names the total");
    (counts, total)
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Our tests that stand for one of upstream, as `file::function`.
fn existing() -> BTreeSet<String> {
    let names = fs::read_dir(folder().join(FOLDER)).expect("the folder of the tests can be read");
    let names = names.map(|entry| entry.expect("an entry can be read").file_name().into_string().expect("ASCII"));
    let sources = names.filter(|name| name != SELF && Path::new(name).extension().is_some_and(|end| end == "rs"));
    let files = sources.map(|name| format!("{FOLDER}/{name}")).chain([EXPOSITION.to_owned()]);
    let tests_of = |file: String| {
        let source = fs::read_to_string(folder().join(&file)).expect("a source file is text");
        test_functions(&source).map(|function| format!("{file}::{function}")).collect::<Vec<_>>()
    };
    files.flat_map(tests_of).collect()
}

/// The functions that `#[test]` stands before, other attributes aside.
fn test_functions(source: &str) -> impl Iterator<Item = &str> {
    source.split("\n#[test]\n").skip(1).filter_map(|rest| {
        let mut lines = rest.lines().skip_while(|line| line.starts_with('#') || line.starts_with("//"));
        let (name, _) = lines.next()?.strip_prefix("fn ")?.split_once('(')?;
        Some(name)
    })
}

#[test]
fn every_upstream_test_has_one_row() {
    let (counts, total) = head();
    assert_eq!(counts.values().sum::<usize>(), total, "the counts of the head add up");
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(seen.insert(row.upstream), "`{}` has two rows", row.upstream);
        let (file, _) = row.upstream.split_once("::").expect("a row starts with `file::test`");
        *found.entry(file).or_insert(0) += 1;
    }
    assert_eq!(found, counts);
}

#[test]
fn the_rows_are_the_tests_of_upstream() {
    let upstream: BTreeSet<_> = UPSTREAM.lines().filter(|line| !line.starts_with('#')).collect();
    let rows: BTreeSet<_> = rows().iter().map(|row| row.upstream).collect();
    let missing: Vec<_> = upstream.difference(&rows).collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
    let unknown: Vec<_> = rows.difference(&upstream).collect();
    assert!(unknown.is_empty(), "upstream has no {unknown:#?}");
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    for row in rows() {
        assert!(!row.behaviour.is_empty(), "`{}` does not say what it checks", row.upstream);
        assert!(!row.tests.is_empty() || !row.reason.is_empty(), "`{}` has neither test nor reason", row.upstream);
    }
}

#[test]
fn every_test_of_the_table_exists() {
    let is_there = |test: &str| {
        let (file, function) = test.split_once("::")?;
        let source = fs::read_to_string(folder().join(file)).ok()?;
        test_functions(&source).any(|found| found == function).then_some(())
    };
    for row in rows() {
        for test in row.tests {
            assert!(is_there(test).is_some(), "`{}` is mapped to `{test}`, which is no test", row.upstream);
        }
    }
}

#[test]
fn every_test_that_exists_is_in_the_table() {
    let named: BTreeSet<_> = rows().into_iter().flat_map(|row| row.tests).collect();
    for test in existing() {
        assert!(named.contains(&*test), "`{test}` stands for no upstream test");
    }
}
