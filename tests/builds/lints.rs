//! An annotated function gets the lints of the plain one, but for those of a list that the documentation has, too.
//!
//! Each function of `lints/functions.txt` has one lint to find, on a line of its own: plain, and under each attribute.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A lint and a function that has it, with `@` where the attribute goes.
const FUNCTIONS: &str = include_str!("lints/functions.txt");

/// Attributes that need not know how a call ends.
const GUARDS: [(&str, &str); 6] = [
    ("counter", r#"#[counter(name = "c_total", help = "H.")]"#),
    ("handle", "#[counter(crate::CALLS)]"),
    ("gauge", r#"#[gauge(name = "g", help = "H.", track_inprogress)]"#),
    ("histogram", r#"#[histogram(name = "h_seconds", help = "H.")]"#),
    ("summary", r#"#[summary(name = "s_seconds", help = "H.")]"#),
    ("labels", r#"#[histogram(name = "h_seconds", help = "H.", labels(n = 1 + 1))]"#),
];

/// Attributes that do.
const ENDS: [(&str, &str); 4] = [
    ("outcome", r#"#[counter(name = "o_total", help = "H.", labels(outcome))]"#),
    ("on", r#"#[counter(name = "o_total", help = "H.", on = error | panicked)]"#),
    ("ret", r#"#[histogram(name = "o_seconds", help = "H.", labels(r = std::any::type_name_of_val(ret)))]"#),
    (
        "stacked",
        r#"#[counter(name = "o_total", help = "H.", labels(outcome))] #[histogram(name = "h_seconds", help = "H.", labels(outcome))] #[gauge(name = "last", help = "H.", set_to_current_time, on = ok)]"#,
    ),
];

/// The lints that an attribute must lose: what the documentation of `#[counter]` lists.
const LOST: [(&str, &[&str]); 4] = [
    ("fn guard", &["clippy::missing_const_for_fn"]),
    (
        "fn end",
        &[
            "clippy::boxed_local",
            "clippy::missing_const_for_fn",
            "clippy::needless_pass_by_ref_mut",
            "clippy::needless_pass_by_value",
            "clippy::needless_return",
            "clippy::unnecessary_wraps",
            "unconditional_recursion",
        ],
    ),
    ("async fn guard", &[]),
    ("async fn end", &["clippy::needless_return", "clippy::unused_async"]),
];

/// The one lint that an attribute adds: a stub of an async function is no longer known as one.
const ADDED: [&str; 1] = ["clippy::unused_async"];

/// Where in the crate a function is, and what it is an example of.
struct Place {
    /// `fn` or `async fn`.
    form: &'static str,
    /// `plain`, `guard` or `end`.
    sort: &'static str,
    attribute: &'static str,
    function: usize,
}

fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
    FUNCTIONS.lines().filter_map(|line| line.split_once(" | "))
}

/// The function made async, where it can be.
fn asynchronous(code: &str) -> Option<String> {
    let (before, function) = code.split_once('@')?;
    let head = function.split('{').next()?;
    if head.contains("extern") {
        return None;
    }
    let keyword = if head.contains("unsafe fn") { "unsafe fn" } else { "fn" };
    let function = function.replacen(keyword, &format!("async {keyword}"), 1);
    // A call of itself has no size unless it is boxed.
    let function = function.replace("again(n + 1)", "Box::pin(again(n + 1)).await");
    let function = function
        .replace("f(n - 1, m)", "Box::pin(f(n - 1, m)).await")
        .replace("drop(WAIT)", "std::future::ready(()).await");
    Some(format!("{before}@{function}"))
}

/// The crate, and what is in each of its lines.
fn source() -> (String, BTreeMap<u64, Place>) {
    let lints: BTreeSet<_> = functions().map(|(lint, _)| lint).collect();
    let mut text = format!(
        "#![warn(unused, clippy::all, clippy::pedantic, clippy::shadow_same, {})]\n",
        Vec::from_iter(lints).join(", ")
    );
    text += "#![allow(clippy::wildcard_imports)]\n";
    text += "use pytheus::{counter, gauge, histogram, summary};\n";
    text += "pytheus::metric! { /** C. */ pub static CALLS: Counter = \"calls_total\"; }\n";
    let mut places = BTreeMap::new();
    let plain = [("plain", ("plain", ""))].into_iter();
    let all: Vec<_> = plain.chain(GUARDS.map(|one| ("guard", one))).chain(ENDS.map(|one| ("end", one))).collect();
    for form in ["fn", "async fn"] {
        for (sort, (attribute, tokens)) in &all {
            for (function, (_, code)) in functions().enumerate() {
                let code = if form == "fn" { Some(code.to_owned()) } else { asynchronous(code) };
                let Some(code) = code else { continue };
                let code = code.replace('@', tokens).replace("WAIT", "1");
                let code = code.replace("LINES", &"let _a = 1;\n".repeat(120));
                let module = format!("{}_{attribute}_{function}", form.replace(' ', "_"));
                let first = text.lines().count() as u64 + 1;
                writeln!(text, "pub mod {module} {{ #[allow(unused_imports)] use super::*; {code} }}").unwrap();
                for line in first..=text.lines().count() as u64 {
                    places.insert(line, Place { form, sort, attribute, function });
                }
            }
        }
    }
    (text, places)
}

/// Writes the crate that `clippy` looks at.
fn folder(text: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lints");
    fs::create_dir_all(folder.join("src")).unwrap();
    let library = tests.join("../pytheus").canonicalize().unwrap();
    let manifest = format!(
        "[package]\nname = \"annotated\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         pytheus = {{ path = \"{}\" }}\n",
        library.display()
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The versions that the tests were built with.
    fs::copy(tests.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(folder.join("src/lib.rs"), text).unwrap();
    folder
}

/// The messages of `clippy` about a crate.
fn messages(folder: &Path) -> Vec<Value> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["clippy", "--offline", "--message-format", "json"]).current_dir(folder);
    cargo.env("CARGO_TARGET_DIR", folder.join("target"));
    // What the tests themselves are built with, such as a sanitizer, is not what a service is.
    let run = cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!said.contains("no such command: `clippy`"), "install clippy: `rustup component add clippy`");
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stdout));
    let lines = String::from_utf8(run.stdout).unwrap();
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|one| one["target"]["name"] == "annotated").map(|one| one["message"].clone()).collect()
}

/// The lints that each function gets, by form, attribute and number.
type Lints = BTreeMap<(&'static str, &'static str, usize), BTreeSet<String>>;

fn lints(places: &BTreeMap<u64, Place>, messages: &[Value]) -> Lints {
    let mut lints = Lints::new();
    for message in messages {
        let spans = message["spans"].as_array().into_iter().flatten();
        let line = spans.filter(|span| span["is_primary"] == true).find_map(|span| span["line_start"].as_u64());
        let place = line.and_then(|line| places.get(&line));
        if let (Some(Place { form, attribute, function, .. }), Some(lint)) = (place, message["code"]["code"].as_str()) {
            lints.entry((form, attribute, *function)).or_default().insert(lint.to_owned());
        }
    }
    lints
}

#[test]
fn lints_of_the_plain_function_stay_but_for_those_that_the_docs_list() {
    let (text, places) = source();
    let lints = lints(&places, &messages(&folder(&text)));
    let get = |form, attribute, function| lints.get(&(form, attribute, function)).cloned().unwrap_or_default();
    // Each function is an example of its lint, so that a lint that changes its mind is noticed.
    let is_found = |i, lint| ["fn", "async fn"].iter().any(|form| get(form, "plain", i).contains(lint));
    let others: Vec<_> = functions().enumerate().filter(|(i, (lint, _))| !is_found(*i, *lint)).collect();
    assert!(others.is_empty(), "no examples of their lints: {others:#?}");
    assert!(functions().count() >= 50);

    let mut lost: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for Place { form, sort, attribute, function } in places.values() {
        let plain = get(form, "plain", *function);
        let annotated = get(form, attribute, *function);
        lost.entry(format!("{form} {sort}")).or_default().extend(plain.difference(&annotated).cloned());
        for lint in annotated.difference(&plain).filter(|lint| !ADDED.contains(&lint.as_str())) {
            wrong.push(format!("{lint} is new for an {form} under `{attribute}`: {:?}", functions().nth(*function)));
        }
    }
    lost.retain(|_, lints| !lints.is_empty());
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed = LOST.iter().filter(|(_, lints)| !lints.is_empty());
    let listed: BTreeMap<_, BTreeSet<_>> = listed
        .map(|(sort, lints)| ((*sort).to_owned(), lints.iter().map(|lint| (*lint).to_owned()).collect()))
        .collect();
    assert_eq!(lost, listed, "what is lost, and what is listed as lost");
}

#[test]
fn docs_list_each_lint_that_is_lost() {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../pytheus-macros/src/what_changes.md"))
        .unwrap();
    for lint in LOST.iter().flat_map(|(_, lints)| *lints) {
        let name = lint.trim_start_matches("clippy::");
        assert!(docs.contains(&format!("`{name}`")), "{lint}");
    }
}
