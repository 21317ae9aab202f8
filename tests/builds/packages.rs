//! What the guide says of plug-ins, static libraries and the examples of docs, on packages that cargo builds.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;

use support::package::{Workspace, succeeds};
use support::program;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A program that opens a plug-in between two scrapes, calls its `run`, and closes it again if it is told to.
const HOST: &str = r#"
use std::ffi::{CString, c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlclose(library: *mut c_void) -> c_int;
}

#[pytheus::counter(name = "program_total", help = "Of the program.")]
fn count() {}

fn main() {
    count();
    assert!(!pytheus::generate_metrics().unwrap().contains("plugin_total"), "it is not there yet");
    let arguments: Vec<_> = std::env::args().collect();
    let path = CString::new(&*arguments[1]).unwrap();
    unsafe {
        let library = dlopen(path.as_ptr(), 2);
        assert!(!library.is_null(), "{path:?} is opened");
        let run: extern "C" fn() = std::mem::transmute(dlsym(library, c"run".as_ptr()));
        run();
        if arguments.len() > 2 {
            assert_eq!(dlclose(library), 0);
        }
    }
    print!("{}", pytheus::generate_metrics().unwrap());
}
"#;

const PLUGIN: &str = r#"
#[pytheus::counter(name = "plugin_total", help = "Of the plug-in.")]
fn count() {}

#[unsafe(no_mangle)]
pub extern "C" fn run() {
    count();
    let text = pytheus::generate_metrics().unwrap();
    assert!(text.contains("plugin_total 1\n"), "its own scrape has it: {text}");
}
"#;

/// Keeps a library in memory whatever closes it.
const STAYS: (&str, &str) = ("build.rs", r#"fn main() { println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete"); }"#);

#[test]
fn a_plug_in_with_its_own_copy_shows_in_its_own_scrape_and_with_files_in_that_of_the_program() {
    let workspace = Workspace::new(&folder("own-copy"), &["own-copy-host", "own-copy-plugin"])
        .package("own-copy-host", "pytheus.features = [\"file\"]\n", &[("src/main.rs", HOST)])
        .package(
            "own-copy-plugin",
            "pytheus.features = [\"file\"]\n[lib]\ncrate-type = [\"cdylib\"]\n",
            &[("src/lib.rs", PLUGIN)],
        );
    let built = workspace.build(&["own-copy-host", "own-copy-plugin"]);
    let host = || {
        let mut host = Command::new(built.join("own-copy-host"));
        host.arg(built.join("libown_copy_plugin.so"));
        host.env_remove("PYTHEUS_BACKEND_CLASS").env_remove("PYTHEUS_BACKEND_CONFIG");
        host
    };

    let alone = succeeds(&host().output().expect("the program runs"));
    assert!(alone.contains("program_total 1\n"), "{alone}");
    assert!(!alone.contains("plugin_total"), "the guide is wrong: {alone}");

    let directory = tempfile::tempdir().expect("a folder is made");
    let config = directory.path().join("pytheus.json");
    std::fs::write(&config, format!(r#"{{"directory": {:?}}}"#, directory.path().join("files")))
        .expect("it is written");
    let mut with_files = host();
    with_files.env("PYTHEUS_BACKEND_CLASS", "file").env("PYTHEUS_BACKEND_CONFIG", config);
    let shared = succeeds(&with_files.output().expect("the program runs"));
    assert!(shared.contains("program_total 1\n") && shared.contains("plugin_total 1\n"), "{shared}");
}

#[test]
fn a_plug_in_that_shares_a_dylib_shows_when_it_is_opened_and_stays_when_it_is_closed() {
    // A crate that exists as a `dylib` alone is linked as one, with all that is in it.
    let shared = "metrics-dylib.path = \"../metrics-dylib\"\n";
    let used = |text: &str| format!("use metrics_dylib as _;\n{text}");
    let workspace = Workspace::new(&folder("dylib"), &["metrics-dylib", "dylib-host", "dylib-plugin"])
        .package("metrics-dylib", "[lib]\ncrate-type = [\"dylib\"]\n", &[("src/lib.rs", "pub use pytheus;\n")])
        .package("dylib-host", shared, &[("src/main.rs", &used(HOST))])
        .package(
            "dylib-plugin",
            &format!("{shared}[lib]\ncrate-type = [\"cdylib\"]\n"),
            &[("src/lib.rs", &used(PLUGIN)), STAYS],
        );
    let built = workspace.build_with("-C prefer-dynamic", &["metrics-dylib", "dylib-host", "dylib-plugin"]);
    for close in [false, true] {
        let mut host = Command::new(built.join("dylib-host"));
        host.arg(built.join("libdylib_plugin.so")).args(close.then_some("close"));
        // The program needs Rust's std as a library, too.
        let std = succeeds(&Command::new("rustc").args(["--print", "target-libdir"]).output().expect("rustc runs"));
        host.env("LD_LIBRARY_PATH", format!("{}:{}:{}", built.display(), built.join("deps").display(), std.trim()));
        let text = succeeds(&host.output().expect("the program runs"));
        assert!(text.contains("program_total 1\n") && text.contains("plugin_total 1\n"), "{close}: {text}");
    }
}

#[test]
fn a_static_library_that_is_linked_whole_shows_every_metric_to_c() {
    let untouched = r#"
pytheus::metric! {
    /// Named by nothing.
    pub static UNTOUCHED: Counter = "untouched_total";
}
"#;
    let library = r#"
use untouched as _;

#[unsafe(no_mangle)]
pub extern "C" fn print_metrics() {
    print!("{}", pytheus::generate_metrics().unwrap());
}
"#;
    let main = "void print_metrics(void);\nint main(void) { print_metrics(); return 0; }\n";
    let workspace = Workspace::new(&folder("static"), &["untouched", "static-library"])
        .package("untouched", "", &[("src/lib.rs", untouched)])
        .package(
            "static-library",
            "untouched.path = \"../untouched\"\n[lib]\ncrate-type = [\"staticlib\"]\n",
            &[("src/lib.rs", library), ("main.c", main)],
        );
    let archive = workspace.build(&["static-library"]).join("libstatic_library.a");
    let link = |name: &str, before: &[&str], after: &[&str]| {
        let mut cc = Command::new(program("cc", "gcc"));
        cc.arg("-o").arg(workspace.path(name)).arg(workspace.path("static-library/main.c")).args(before).arg(&archive);
        succeeds(&cc.args(after).args(["-lpthread", "-ldl", "-lm", "-lrt"]).output().expect("cc runs"));
        succeeds(&Command::new(workspace.path(name)).output().expect("the program runs"))
    };
    let plain = link("plain", &[], &[]);
    assert!(!plain.contains("untouched_total"), "the guide is wrong: {plain}");
    let whole = link("whole", &["-Wl,--whole-archive"], &["-Wl,--no-whole-archive", "-lgcc_s", "-lc"]);
    assert!(whole.contains("untouched_total 0\n"), "{whole}");
}

/// Two examples that declare one name differently, and one that expects no metrics, each fenced like this.
fn examples(fence: &str) -> String {
    let parts = [
        (
            "Labelled",
            r#"
#[pytheus::counter(name = "jobs_total", help = "Jobs.", labels(queue = queue))]
fn run(queue: &str) {}
run("mail");
assert_eq!(REGISTRY.sample_value("jobs_total", &[("queue", "mail")]), Some(1.0));"#,
        ),
        (
            "Plain",
            r#"
#[pytheus::counter(name = "jobs_total", help = "Jobs.")]
fn run() {}
run();
assert_eq!(REGISTRY.sample_value("jobs_total", &[]), Some(1.0));"#,
        ),
        (
            "Empty",
            r#"
assert!(REGISTRY.collect().is_ok_and(|families| !families.iter().any(|family| family.name() == "jobs_total")));"#,
        ),
    ];
    let texts = parts.map(|(name, code)| {
        let code = format!("use pytheus::registry::{{REGISTRY, Registry}};{code}").replace('\n', "\n/// ");
        format!("/// ```{fence}\n/// {code}\n/// ```\npub struct {name};\n")
    });
    texts.concat()
}

#[test]
fn examples_of_docs_share_their_metrics_in_edition_2024_unless_they_stand_alone() {
    let (together, alone) = (examples(""), examples("standalone_crate"));
    let workspace = Workspace::new(&folder("doc-examples"), &["together", "alone"])
        .package("together", "", &[("src/lib.rs", &together)])
        .package("alone", "", &[("src/lib.rs", &alone)]);
    succeeds(&workspace.cargo(&["test", "--doc", "-p", "alone"]));
    let output = workspace.cargo(&["test", "--doc", "-p", "together"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "the guide is wrong: {said}");
    assert!(said.contains("2 failed") && said.contains("`standalone_crate`"), "{said}");
}
