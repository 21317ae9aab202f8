//! Every mistake that a macro finds has a reviewed message.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A mistake and what the compiler says about it.
struct Case {
    path: PathBuf,
    source: String,
    message: String,
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/fail");
    let folders = fs::read_dir(root).expect("the cases are in ui/fail");
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).expect("ui/fail holds folders only"));
    let sources = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let case = |path: PathBuf| Case { source: read(&path), message: read(&path.with_extension("stderr")), path };
    sources.map(case).collect()
}

fn first_error(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

#[test]
fn at_least_sixty_mistakes_are_filed() {
    assert!(cases().len() >= 60, "{} cases", cases().len());
}

#[test]
fn at_least_forty_messages_are_distinct() {
    let cases = cases();
    let distinct: BTreeSet<_> = cases.iter().map(|case| first_error(&case.message)).collect();
    assert!(distinct.len() >= 40, "{} distinct messages", distinct.len());
}

#[test]
fn each_file_opens_with_the_mistake_and_each_message_with_an_error() {
    for case in cases() {
        let path = case.path.display();
        assert!(case.source.starts_with("// "), "{path}: the first line says what the mistake is");
        assert!(first_error(&case.message).starts_with("error"), "{path}: {}", first_error(&case.message));
    }
}

#[test]
fn no_message_shows_the_inside_of_a_macro() {
    for case in cases() {
        let inside = ["proc macro panicked", "unwrap()", "__private::check", "--> /"];
        let shown: Vec<_> = inside.iter().filter(|text| case.message.contains(**text)).collect();
        assert!(shown.is_empty(), "{}: {shown:?}", case.path.display());
    }
}
