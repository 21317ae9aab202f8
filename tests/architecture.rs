//! The house keeps its order: modules import only from the levels above them, files stay short, `unsafe` in one room.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use support::modules::{self, Modules};

/// Folders whose files may lead in a circle among themselves, each with the reason.
const CIRCLES: [(&str, &str); 2] = [
    ("storage/shard", "a shard, its pages and their migration are one mechanism, cut by what a reader looks for"),
    ("backends/runtime/loader", "a load and the thread that repeats it share one state machine"),
];

/// The rooms of each folder from the ground up, a folder a line; a room is a file or a folder.
const ORDER: &str = include_str!("rooms.txt");

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

/// The rooms of a folder as `rooms.txt` lists them.
fn order_of(folder: &str) -> Option<Vec<&'static str>> {
    let lines = ORDER.lines().filter(|line| !line.starts_with('#'));
    let mut rooms = lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| *name == folder);
    rooms.next().map(|(_, rooms)| rooms.split_whitespace().collect())
}

#[test]
fn a_room_imports_only_from_those_before_it() {
    let mut wrong = Vec::new();
    for package in ["pytheus", "pytheus-macros"] {
        let arrows = Modules::of(package).arrows();
        let folders: BTreeSet<_> = arrows.iter().flat_map(|(from, _)| Path::new(from).ancestors().skip(1)).collect();
        for folder in folders {
            let folder = folder.to_str().expect("names are ASCII");
            let arrows = modules::within(&arrows, folder);
            let name = format!("{package}/src/{folder}");
            let name = name.trim_end_matches('/');
            if arrows.is_empty() || CIRCLES.iter().any(|(named, _)| *named == folder) {
                continue;
            }
            let Some(order) = order_of(name) else {
                wrong.push(format!("{name}: {}", modules::from_the_ground_up(&arrows).join(" ")));
                continue;
            };
            let level = |room: &String| order.iter().position(|listed| listed == room);
            for (from, to) in arrows.iter().filter(|(from, to)| level(to).is_none() || level(to) >= level(from)) {
                wrong.push(format!("{name}: {from} imports from {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the order in rooms.txt, or missing there:\n{}", wrong.join("\n"));
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
fn unsafe_code_stands_in_storage_and_sync_alone() {
    let is_unsafe = |line: &str| {
        let code = line.trim_start();
        !code.starts_with("//") && ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| code.contains(word))
    };
    let outside: Vec<_> = sources("pytheus")
        .into_iter()
        .filter(|path| !["storage", "sync"].contains(&module_of(path).as_str()))
        .filter(|path| fs::read_to_string(path).expect("a source can be read").lines().any(is_unsafe))
        .collect();
    assert!(outside.is_empty(), "unsafe code outside storage and sync: {outside:?}");
}

/// A fork finds no lock taken that is taken through the gate.
#[test]
fn every_lock_is_taken_through_the_gate() {
    // What is kept by `testing::exclusive` is the user's own code.
    let is_exempt = |path: &Path| path.ends_with("sync/lock.rs") || path.ends_with("src/testing.rs");
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
    assert!(outside.is_empty(), "use `sync::lock`, `read` or `write`: {outside:?}");
}

fn is_source(name: &String) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

/// A file of tests that neither a manifest nor the `main.rs` of its folder names would never run.
#[test]
fn every_test_is_named_in_its_manifest_or_its_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder can be read").map(|entry| entry.expect("an entry").path());
        entries.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
    };
    let mut unnamed = Vec::new();
    for package in [root.to_owned(), root.join("redis"), root.join("serve")] {
        let manifest = read(package.join("Cargo.toml"));
        for name in names(&package) {
            if is_source(&name) && !manifest.contains(&format!("path = \"{name}\"")) {
                unnamed.push(package.join(&name));
            }
            let folder = package.join(&name);
            if !folder.join("main.rs").is_file() {
                continue;
            }
            let main = read(folder.join("main.rs"));
            if !manifest.contains(&format!("path = \"{name}/main.rs\"")) {
                unnamed.push(folder.join("main.rs"));
            }
            let modules = names(&folder).into_iter().filter(|file| is_source(file) && file != "main.rs");
            let is_left_out = |file: &String| !main.contains(&format!("mod {};", file.trim_end_matches(".rs")));
            unnamed.extend(modules.filter(is_left_out).map(|file| folder.join(file)));
        }
    }
    assert!(unnamed.is_empty(), "these are never run: {unnamed:?}");
}

/// A label named like a method of the handle would hide it: the macros must know them all.
#[test]
fn the_macros_know_every_method_of_a_labelled_handle() {
    let read = |package: &str, file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src").join(file);
        fs::read_to_string(path).expect("a source can be read")
    };
    let reserved = read("pytheus-macros", "reserved.rs");
    let mut methods = Vec::new();
    for file in ["metric", "call/guard", "counter", "gauge", "histogram", "summary", "info", "state_set"] {
        let text = read("pytheus", &format!("metrics/{file}.rs"));
        let (_, generic) =
            text.split_once("T> $metric<").or_else(|| text.split_once("impl<T> ")).unwrap_or(("", &text));
        methods.extend(generic.split("pub fn ").skip(1).filter_map(|method| {
            let (name, arguments) = method.split_once(['(', '<'])?;
            let (arguments, _) = arguments.split_once(')')?;
            arguments.contains("&self").then(|| name.to_owned())
        }));
    }
    assert!(methods.len() > 30, "{methods:?}");
    methods.retain(|method| !reserved.contains(&format!("\"{method}\"")));
    assert!(methods.is_empty(), "add these to reserved.rs: {methods:?}");
}
