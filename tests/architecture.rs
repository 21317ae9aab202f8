//! The house keeps its order: modules import only from the levels above them, files stay short, `unsafe` in one room.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use support::modules::{self, Modules};

/// Folders whose files may lead in a circle among themselves, each with the reason.
const CIRCLES: [(&str, &str); 1] =
    [("storage/shard", "a shard, its pages and their migration are one mechanism, cut by what a reader looks for")];

fn sources(package: &str) -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("the sources are there") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    assert!(found.len() > 3, "{} has sources", root.display());
    found
}

/// The module of the first level that a file belongs to.
fn module_of(path: &Path) -> String {
    let mut parts = path.iter().skip_while(|part| *part != "src").skip(1);
    let first = Path::new(parts.next().expect("a file stands in src"));
    first.file_stem().expect("it has a name").to_string_lossy().into_owned()
}

/// What stands in the way of an order: files that lead to each other, and folders that do, at each level.
fn circles_of(package: &str) -> Vec<String> {
    let arrows = Modules::of(package).arrows();
    assert!(arrows.len() > 30, "{package} has arrows: {arrows:?}");
    let is_named = |file: &String| CIRCLES.iter().any(|(folder, _)| file.starts_with(&format!("{folder}/")));
    let mut found = Vec::new();
    for circle in modules::circles(&arrows).iter().filter(|circle| !circle.iter().all(is_named)) {
        let inside = arrows.iter().filter(|(from, to)| circle.contains(from) && circle.contains(to));
        found.push(format!("files: {circle:?}"));
        found.extend(inside.map(|(from, to)| format!("    {from} -> {to}")));
    }
    let folders: BTreeSet<_> = arrows.iter().flat_map(|(from, _)| Path::new(from).ancestors().skip(1)).collect();
    for folder in folders {
        let folder = folder.to_str().expect("names are ASCII");
        let within = modules::within(&arrows, folder);
        println!("{package}/{folder}: {} arrows", within.len());
        if CIRCLES.iter().any(|(named, _)| *named == folder) {
            continue;
        }
        for circle in modules::circles(&within) {
            found.push(format!("rooms of `{folder}`: {circle:?}"));
            let inside = within.iter().filter(|(from, to)| circle.contains(from) && circle.contains(to));
            found.extend(inside.map(|(from, to)| format!("    {from} -> {to}")));
        }
    }
    found
}

#[test]
fn nothing_leads_in_a_circle() {
    let found: Vec<_> = ["pytheus", "pytheus-macros"].into_iter().flat_map(circles_of).collect();
    assert!(found.is_empty(), "these lead in a circle:\n{}", found.join("\n"));
}

#[test]
fn no_file_is_longer_than_one_idea() {
    let long: Vec<_> = ["pytheus", "pytheus-macros"]
        .into_iter()
        .flat_map(sources)
        .map(|path| (fs::read_to_string(&path).expect("a source can be read").lines().count(), path))
        .filter(|(lines, _)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "split these: {long:?}");
}

#[test]
fn unsafe_code_stands_in_storage_alone() {
    let is_unsafe = |line: &str| {
        let code = line.trim_start();
        !code.starts_with("//") && ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| code.contains(word))
    };
    let outside: Vec<_> = sources("pytheus")
        .into_iter()
        .filter(|path| module_of(path) != "storage")
        .filter(|path| fs::read_to_string(path).expect("a source can be read").lines().any(is_unsafe))
        .collect();
    assert!(outside.is_empty(), "unsafe code outside storage: {outside:?}");
}

/// A fork finds no lock taken that is taken through the gate.
#[test]
fn every_lock_is_taken_through_the_gate() {
    // What is kept by `testing::exclusive` is the user's own code.
    let is_exempt = |path: &Path| path.ends_with("storage/gate.rs") || path.ends_with("src/testing.rs");
    // Examples in the docs are the user's own code, too.
    let takes = |line: &str| {
        let is_code = !line.trim_start().starts_with("//");
        is_code && [".lock()", ".read()", ".write()", "PoisonError"].iter().any(|word| line.contains(word))
    };
    let outside: Vec<_> = sources("pytheus")
        .into_iter()
        .filter(|path| !is_exempt(path))
        .filter(|path| fs::read_to_string(path).expect("a source can be read").lines().any(takes))
        .collect();
    assert!(outside.is_empty(), "use `storage::lock`, `read` or `write`: {outside:?}");
}

/// A test that no manifest names is never run.
#[test]
fn every_test_is_named_in_its_manifest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for package in [root.to_owned(), root.join("redis")] {
        let manifest = fs::read_to_string(package.join("Cargo.toml")).expect("a manifest");
        let entries = fs::read_dir(&package).expect("a package").map(|entry| entry.expect("an entry").file_name());
        let is_test = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "rs");
        let tests = entries.map(|name| name.to_string_lossy().into_owned()).filter(is_test);
        let unnamed: Vec<_> = tests.filter(|name| !manifest.contains(&format!("path = \"{name}\""))).collect();
        assert!(unnamed.is_empty(), "{}: these are never run: {unnamed:?}", package.display());
    }
}

/// A label named like a method of the handle would hide it: the macros must know them all.
#[test]
fn the_macros_know_every_method_of_a_labelled_handle() {
    let read = |package: &str, file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src").join(file);
        fs::read_to_string(path).expect("a source can be read")
    };
    let reserved = read("pytheus-macros", "reserved.rs");
    let name_after = |line: &str, word: &str| {
        let rest = line.trim_start().strip_prefix(word)?;
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        (!name.is_empty()).then_some(name)
    };
    let labelled = read("pytheus", "metrics/labelled.rs");
    let (_, own) = labelled.split_once("impl<M: Metric, L> Labelled<M, L> {").expect("the methods of every handle");
    let mut methods: Vec<_> = own.lines().filter_map(|line| name_after(line, "pub fn ")).collect();
    for kind in ["counter", "gauge", "histogram", "summary", "info"] {
        let text = read("pytheus", &format!("metrics/{kind}.rs"));
        let (_, forwarded) = text.split_once("labelled::forward! {").expect("the methods of this kind");
        methods.extend(forwarded.lines().filter_map(|line| name_after(line, "fn ")));
    }
    assert!(methods.len() > 30, "{methods:?}");
    methods.retain(|method| !reserved.contains(&format!("\"{method}\"")));
    assert!(methods.is_empty(), "add these to reserved.rs: {methods:?}");
}
