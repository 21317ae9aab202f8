//! No error, report or scrape shows what is configured, whatever the mistake: a password may stand in the place of any
//! value.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;

use pytheus::backends::{BackendSpec, SingleProcessBackend, load_backend};
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use support::worker::rerun;

metric! {
    /// Anything.
    static COUNTED: Counter = "counted_total";
}

/// No piece of four characters of it is in any text of ours.
const SECRET: &str = "qZ7xJw9vKq";

/// An error and all its sources, as people and programs see them.
fn all(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}{error}\n{error:?}\n");
        source = error.source();
    }
    text
}

/// Not a test by itself: what the other starts.
#[test]
fn child() {
    if env::var_os("TEST_CHILD").is_none() {
        return;
    }
    COUNTED.inc();
    if let Err(error) = generate_metrics() {
        println!("SAID {}", all(&error));
    }
    if let Err(error) = load_backend(BackendSpec::from_env()) {
        println!("SAID {}", all(&error));
    }
    // What is loaded, or not, beside another one.
    if let Err(error) = load_backend(BackendSpec::of::<SingleProcessBackend>()) {
        println!("SAID {}", all(&error));
    }
    println!("SAID {:?}", BackendSpec::named(env::var_os("TEST_CHILD").unwrap_or_default().to_string_lossy()));
}

/// What is in the variables: the class, and the configuration as it stands there or in a file.
enum Said<'a> {
    Variables(&'a str, &'a str),
    File(&'a str, &'a str),
}
use Said::{File, Variables};

#[test]
fn no_mistake_shows_a_secret() {
    // `S` stands for the secret, `F` for an existing file.
    let cases = [
        Variables("file", r#"{"directory":"/tmp","password":"S"}"#),
        Variables("file", r#" {"password":"S"}"#),
        Variables("file", "redis://:S@10.0.0.9:6379/0"),
        Variables("file", "redis://user:S@10.0.0.9:6379/0#S"),
        Variables("file", "S"),
        Variables("file", "/tmp/S"),
        Variables("file", "/tmp/S/pytheus.json"),
        Variables("file", "/dev/null/S"),
        Variables("file", "~/S.json"),
        Variables("file", "$HOME/S.json"),
        Variables("file", "\"S\""),
        Variables("file", "S\n"),
        Variables("redis://:S@10.0.0.9:6379/0", ""),
        Variables(r#"{"password":"S"}"#, ""),
        Variables("S", ""),
        Variables("S", "file"),
        Variables(" S ", ""),
        Variables("'S'", ""),
        Variables("file S", ""),
        Variables("/tmp/S", "file"),
        Variables("file:S", ""),
        File("file", "S"),
        File("file", "\"S\""),
        File("file", "[\"S\"]"),
        File("file", "{\"S\": 1}"),
        File("file", "{\"directory\": \"/tmp\", \"S\": 1}"),
        File("file", "{\"directory\": \"/tmp\", \"directory S\": 1}"),
        File("file", "{\"directory\": \"/tmp\", \"password\": \"S\"}"),
        File("file", "{\"directory\": [\"S\"]}"),
        File("file", "{\"directory\": {\"S\": \"S\"}}"),
        File("file", "{\"directory\": \"redis://:S@10.0.0.9/0\"}"),
        File("file", "{\"directory\": \"/dev/null/S\"}"),
        File("file", "{\"directory\": \"/proc/S\"}"),
        File("file", "{\"directory\": \"~/S\"}"),
        File("file", "{\"directory\": \"$S\"}"),
        File("file", "{\"directory\": \"${HOME}/S\"}"),
        File("file", "{\"directory\": \"%S%\"}"),
        File("file", "{\"directory\": \"{S}\"}"),
        File("file", "{\"directory\": \"/tmp\", \"allow_others\": \"S\"}"),
        File("file", "{\"directory\": \"/tmp\", \"allow_others\": [\"S\"]}"),
        File("file", "{\"directory\": \"/tmp\", \"archive_at\": \"S\"}"),
        File("file", "{\"directory\": \"/tmp\", \"archive_at\": {\"S\": 1}}"),
        File("file", "{\"directory\": \"S"),
        File("file", "{\"directory\": S}"),
        File("file", "{directory: \"S\"}"),
        File("file", "{'password': 'S'}"),
        File("file", "{\"directory\": \"\\S\"}"),
        File("file", "{\"directory\": \"/tmp\"} S"),
        File("file", "directory=S"),
        File("single", "{\"password\": \"S\"}"),
        File("single", "{\"S\": \"S\"}"),
        File("redis", "{\"password\": \"S\"}"),
        File("S", "{\"password\": \"S\"}"),
        File("", "{\"S\": \"S\"}"),
    ];
    assert!(cases.len() >= 40);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pytheus.json");
    let with = |text: &str| text.replace('S', SECRET);
    for case in cases {
        let (class, config, text) = match case {
            Variables(class, config) => (with(class), OsString::from(with(config)), String::new()),
            File(class, text) => (with(class), file.clone().into_os_string(), with(text)),
        };
        fs::write(&file, &text).expect("there is room");
        let mut command = rerun("child");
        command.env("TEST_CHILD", SECRET).current_dir(folder.path());
        command.env("PYTHEUS_BACKEND_CLASS", &class).env("PYTHEUS_BACKEND_CONFIG", &config);
        let output = command.output().expect("it starts");
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{class} {config:?} {text}: {said}");
        assert!(said.contains("SAID "), "{class} {config:?} {text}: {said}");
        for piece in 0..=SECRET.len() - 4 {
            let piece = &SECRET[piece..piece + 4];
            assert!(!said.contains(piece), "`{piece}` of {class} {config:?} {text} shows:\n{said}");
        }
        assert!(said.contains("error") || said.contains("PYTHEUS_BACKEND_C") || said.contains("Error"), "{said}");
    }
}

#[test]
fn a_configuration_is_named_well_that_an_editor_or_a_shell_has_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pytheus.json");
    let run = |class: &str, config: OsString| {
        let mut command = rerun("child");
        command.env("TEST_CHILD", "any").current_dir(folder.path());
        command.env("PYTHEUS_BACKEND_CLASS", class).env("PYTHEUS_BACKEND_CONFIG", config);
        String::from_utf8_lossy(&command.output().expect("it starts").stdout).into_owned()
    };
    // A byte order mark is skipped.
    fs::write(&file, b"\xef\xbb\xbf{\"directory\": \"metrics\"}\r\n").expect("there is room");
    let said = run("file", file.clone().into());
    assert!(said.contains("backend `single` can't be loaded, since `file` is"), "{said}");
    let wide: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&file, wide).expect("there is room");
    let said = run("file", file.clone().into());
    assert!(said.contains("is UTF-16: save it as UTF-8"), "{said}");
    // What a shell would replace is no name of a folder.
    for path in ["~/m", "~", "$HOME/m", "${HOME}/m", "%HOME%/m"] {
        fs::write(&file, format!("{{\"directory\": \"{path}\"}}")).expect("there is room");
        let said = run("file", file.clone().into());
        assert!(said.contains("the key `directory`") && said.contains("write the whole path"), "{path}: {said}");
        let said = run("file", path.into());
        assert!(said.contains("PYTHEUS_BACKEND_CONFIG") && said.contains("write the whole path"), "{path}: {said}");
    }
    let names =
        |entry: Result<fs::DirEntry, _>| entry.expect("it can be read").file_name().into_string().expect("plain");
    let mut left: Vec<_> = fs::read_dir(folder.path()).expect("it is there").map(names).collect();
    left.sort();
    assert_eq!(left, ["metrics", "pytheus.json"], "nothing is made elsewhere");
    // A class as it comes out of files of settings.
    for class in ["file\n", " file", "\"file\"", "'file'", "FILE", "File"] {
        let said = run(class, file.clone().into());
        assert!(said.contains("did you mean `file`?"), "{class:?}: {said}");
    }
}
