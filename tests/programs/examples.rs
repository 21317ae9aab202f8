//! Every example runs, prints what its first lines say, and what it exposes pleases Prometheus' own linter.

use std::process::{Command, Stdio};

use support::{example, promtool};

/// Three serve until they are stopped, one needs a server: each has a test of its own.
const APART: [&str; 4] = ["actix", "quickstart", "redis", "serve"];

/// Those that run to their end.
fn names() -> Vec<String> {
    example::names().into_iter().filter(|name| !APART.contains(&&**name)).collect()
}

fn source(name: &str) -> String {
    let file = format!("{}/../examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(file).expect("the source of the example")
}

fn output(name: &str) -> String {
    let output = Command::new(example::program(name)).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} ({}): {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The text between these lines of the comment that opens a source.
fn block(source: &str, opening: &str) -> Option<String> {
    let comment = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = comment.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let mut lines = lines.skip_while(|line| *line != opening).skip(1).peekable();
    lines.peek()?;
    Some(lines.take_while(|line| *line != "```").map(|line| line.to_owned() + "\n").collect())
}

/// `line` as the comment has it: its value is a number that differs with each run where the comment has `..`; and where the
/// comment says how much took no longer than some time, it may be less, as the machine may have other things to do.
fn masked(line: &str, said: &str) -> String {
    let (Some((name, value)), Some((_, expected))) = (line.rsplit_once(' '), said.rsplit_once(' ')) else {
        return line.to_owned();
    };
    let Ok(value) = value.parse::<f64>() else { return line.to_owned() };
    let is_of_time = name.contains("_seconds_bucket{") && !name.ends_with("le=\"+Inf\"}");
    if expected == ".." || is_of_time && expected.parse::<f64>().is_ok_and(|expected| value < expected) {
        format!("{name} {expected}")
    } else {
        line.to_owned()
    }
}

#[test]
fn there_is_an_example_for_each_feature() {
    for name in [
        "quickstart",
        "labels",
        "attributes",
        "custom_collector",
        "several_registries",
        "threads",
        "own_backend",
        "multi_process",
        "redis",
        "actix",
        "serve",
    ] {
        assert!(example::names().iter().any(|found| found == name), "{name}");
    }
}

#[test]
fn each_example_prints_what_its_first_lines_say() {
    for name in names() {
        let printed = output(&name);
        let said = block(&source(&name), "```text").unwrap_or_else(|| panic!("{name} does not say what it prints"));
        let lines = printed.lines().zip(said.lines().chain(std::iter::repeat("")));
        let printed: String = lines.map(|(line, said)| masked(line, said) + "\n").collect();
        assert_eq!(printed, said, "{name}");
    }
}

#[test]
fn each_example_says_how_to_run_it() {
    for name in example::names() {
        let command = block(&source(&name), "```sh").unwrap_or_default();
        assert!(command.starts_with("cargo run ") && command.ends_with(&format!(" --example {name}\n")), "{name}");
    }
}

#[test]
fn promtool_finds_nothing_to_say_about_what_each_example_exposes() {
    for name in names() {
        let printed = output(&name);
        let exposition = printed.find("# HELP").map(|from| &printed[from..]);
        promtool::assert_clean(exposition.unwrap_or_else(|| panic!("{name} exposes nothing")));
    }
}
