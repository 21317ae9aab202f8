//! What counting comes to in the machine code of a service: no locked instruction, no call, a handful of instructions.
//!
//! The service is `builds/assembly/main.rs`, built for release with the defaults, so that all inlining is the library's doing.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

/// Thread, table, page, slot: sixteen on an x86, and some for other compilers.
const MOST: usize = 20;

static LISTING: LazyLock<String> = LazyLock::new(|| {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("assembly");
    fs::create_dir_all(&folder).unwrap();
    let library = tests.join("../pytheus").canonicalize().unwrap();
    let main = tests.join("builds/assembly/main.rs");
    let manifest = format!(
        "[package]\nname = \"service\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [[bin]]\nname = \"service\"\npath = \"{}\"\n[dependencies]\npytheus = {{ path = \"{}\" }}\n",
        main.display(),
        library.display()
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The versions that the tests were built with.
    fs::copy(tests.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let listing = folder.join("service.s");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["rustc", "--release", "--offline", "--quiet", "--", "--emit"]);
    // One file has it all.
    cargo.arg(format!("asm={}", listing.display())).arg("-Ccodegen-units=1");
    cargo.current_dir(&folder).env("CARGO_TARGET_DIR", folder.join("target"));
    // What the tests themselves are built with, such as a sanitizer, is not what a service is.
    let built = cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").status().unwrap();
    assert!(built.success(), "the service does not build");
    fs::read_to_string(listing).unwrap()
});

/// The code of a function: instructions, and labels with the number of the instruction that follows.
struct Code {
    instructions: Vec<&'static str>,
    labels: Vec<(&'static str, usize)>,
}

enum Step {
    On,
    /// To a label, always or not.
    Jump(&'static str),
    Branch(&'static str),
    /// Elsewhere; a jump out of the function is one, too.
    Call,
    Return,
}

impl Code {
    fn of(function: &str) -> Self {
        let start = format!("{function}:");
        let lines = LISTING.lines().skip_while(|line| **line != start).skip(1);
        let mut code = Self { instructions: Vec::new(), labels: Vec::new() };
        for line in lines.take_while(|line| !line.starts_with(".Lfunc_end")) {
            let text = line.split("//").next().unwrap_or_default().trim();
            match text.strip_suffix(':') {
                Some(label) => code.labels.push((label, code.instructions.len())),
                // Directives, and what only pads an instruction.
                None if text.starts_with(['.', '#']) || ["", "data16", "rex64"].contains(&text) => (),
                None => code.instructions.push(text),
            }
        }
        assert!(!code.instructions.is_empty(), "no code of {function}");
        code
    }

    fn step(&self, instruction: &'static str) -> Step {
        let name = instruction.split_whitespace().next().unwrap_or_default();
        let label = instruction.rsplit([' ', '\t', ',']).next().unwrap_or_default();
        let is_label = self.labels.iter().any(|(known, _)| *known == label);
        match name {
            "ret" | "retq" => Step::Return,
            "bl" | "blr" | "br" => Step::Call,
            _ if name.starts_with("call") => Step::Call,
            "b" | "jmp" | "jmpq" if !is_label => Step::Call,
            "b" | "jmp" | "jmpq" => Step::Jump(label),
            _ if is_label => Step::Branch(label),
            _ => Step::On,
        }
    }

    /// The shortest way through it that calls nothing.
    fn path(&self) -> Option<Vec<&'static str>> {
        let to = |label: &str| self.labels.iter().find(|(known, _)| *known == label).map(|(_, at)| *at);
        let mut seen = HashSet::new();
        let mut open = VecDeque::from([(0, Vec::new())]);
        while let Some((at, mut path)) = open.pop_front() {
            let Some(instruction) = self.instructions.get(at).filter(|_| seen.insert(at)) else { continue };
            path.push(*instruction);
            match self.step(instruction) {
                Step::Return => return Some(path),
                Step::Call => (),
                Step::On => open.push_back((at + 1, path)),
                Step::Jump(label) => open.extend(to(label).map(|at| (at, path))),
                Step::Branch(label) => {
                    open.extend(to(label).map(|at| (at, path.clone())));
                    open.push_back((at + 1, path));
                }
            }
        }
        None
    }

    fn text(&self) -> String {
        self.instructions.join("\n")
    }
}

/// Whether no other core can get in between.
fn is_locked(instruction: &str) -> bool {
    let name = instruction.split_whitespace().next().unwrap_or_default();
    let exclusive = ["ldx", "ldax", "stx", "stlx", "ldadd", "cas", "swp"];
    let is_arm = cfg!(target_arch = "aarch64") && exclusive.iter().any(|start| name.starts_with(start));
    // With a place in memory, this one is locked without the prefix.
    let is_exchange = name.starts_with("xchg") && instruction.contains('(');
    name == "lock" || is_arm || is_exchange
}

/// Whether it changes a place in memory that a register points to, the stack left out.
fn stores(instruction: &str) -> bool {
    let (name, operands) = instruction.split_once(char::is_whitespace).unwrap_or((instruction, ""));
    if cfg!(target_arch = "aarch64") {
        name.starts_with("st") && !operands.contains("[sp")
    } else {
        let changes = ["inc", "add", "mov"].iter().any(|start| name.starts_with(start));
        changes && operands.ends_with(')') && !operands.ends_with("(%rsp)")
    }
}

fn hot_path(function: &str) -> Vec<&'static str> {
    let code = Code::of(function);
    let locked: Vec<_> = code.instructions.iter().filter(|instruction| is_locked(instruction)).collect();
    assert!(locked.is_empty(), "{function} locks: {locked:?}\n{}", code.text());
    let Some(path) = code.path() else { panic!("{function} always calls:\n{}", code.text()) };
    assert!(path.iter().any(|instruction| stores(instruction)), "{function} counts elsewhere:\n{}", code.text());
    path
}

#[test]
fn counting_is_a_handful_of_instructions_without_a_lock_or_a_call() {
    let path = hot_path("count");
    assert!(path.len() <= MOST, "{} instructions:\n{}", path.len(), path.join("\n"));
}

#[test]
fn counting_a_fraction_is_a_few_more() {
    let path = hot_path("count_half");
    assert!(path.len() <= MOST + 8, "{} instructions:\n{}", path.len(), path.join("\n"));
}

#[test]
fn observing_finds_its_bucket_without_a_call() {
    hot_path("observe");
}
