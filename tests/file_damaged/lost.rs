//! Whatever becomes of a file in the directory, no smaller total stands in: a scrape shows all counts, or fails and names the
//! file and what to do.
#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pytheus::backends::{flush, shutdown};
use pytheus::metric;
use support::scrapes::samples_of_text;
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total";
    /// What all processes share.
    static LEVEL: Gauge = "level";
}

fn act(words: &[&str]) -> String {
    let outcome = match *words {
        ["count", amount] => {
            REQUESTS.inc_by(amount.parse::<u64>().expect("a number"));
            return "ok".to_owned();
        }
        ["share"] => {
            LEVEL.set(7.0);
            return "ok".to_owned();
        }
        ["flush"] => flush(),
        ["shutdown"] => shutdown(Duration::from_secs(1)),
        _ => return format!("what is {words:?}?"),
    };
    outcome.map_or_else(|error| format!("error: {error}"), |()| "ok".to_owned())
}

#[test]
fn worker() {
    serve(act);
}

fn processes(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it can be read").path());
    let mut found: Vec<_> = entries.filter(|path| path.to_string_lossy().contains("/process-")).collect();
    found.sort();
    found
}

/// A directory in use: 100 archived, 20 of a process that has ended, 3 and 1 of two that live.
struct Scene {
    around: tempfile::TempDir,
    living: Worker,
    other: Worker,
    of_living: PathBuf,
    of_ended: PathBuf,
}

const ALL: f64 = 124.0;

impl Scene {
    fn new() -> Self {
        let around = tempfile::tempdir().expect("a directory");
        let path = around.path().join("counts");
        let count = |amount: u64| {
            let before: Vec<_> = if path.exists() { processes(&path) } else { Vec::new() };
            let mut worker = Worker::start(&path);
            assert_eq!(worker.ask(&format!("count {amount}")), "ok");
            let new = processes(&path).into_iter().find(|file| !before.contains(file));
            (worker, new.expect("each has a file of its own"))
        };
        let (archived, _) = count(100);
        archived.kill();
        let (mut living, of_living) = count(3);
        assert_eq!(living.ask("share"), "ok");
        living.scrape();
        let (mut other, _) = count(1);
        other.scrape();
        let (ended, of_ended) = count(20);
        ended.kill();
        assert_eq!(processes(&path).len(), 3, "one was archived, one will be");
        Self { around, living, other, of_living, of_ended }
    }

    fn path(&self) -> PathBuf {
        self.around.path().join("counts")
    }

    fn file(&self, which: &str) -> PathBuf {
        match which {
            "living" => self.of_living.clone(),
            "ended" => self.of_ended.clone(),
            name => self.path().join(name),
        }
    }

    /// What each process, and one that begins now, says to a scrape: all of it, or an error that names the file. Twice,
    /// as what the first scrape does must not help the second to a smaller number.
    fn outcomes(&mut self, told: &str, spares_living: bool) -> Vec<String> {
        let path = self.path();
        let mut new = Worker::idle();
        let loaded = new.load(&path);
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            let mut answers = vec![("other", self.other.ask("scrape"))];
            if spares_living {
                answers.push(("living", self.living.ask("scrape")));
            }
            answers.push(("new", if loaded == "ok" { new.ask("scrape") } else { loaded.clone() }));
            for (who, answer) in answers {
                if answer.starts_with("error: ") {
                    assert!(answer.contains(path.to_str().expect("plain")), "{told}: {who} names the file: {answer}");
                    outcomes.push(format!("{who} fails"));
                } else {
                    let samples = samples_of_text(&answer);
                    assert_eq!(samples.get("requests_total"), Some(&ALL), "{told}: {who}");
                    assert_eq!(samples.get("level"), Some(&7.0), "{told}: {who}");
                    outcomes.push(format!("{who} shows all"));
                }
            }
        }
        outcomes
    }
}

const FILES: [&str; 9] =
    ["living", "ended", "archive", "shared", "roster", "lock", "archive-new", "new-shared", "new-roster"];

const WAYS: [&str; 13] = [
    "removed",
    "renamed",
    "copy",
    "other file",
    "emptied",
    "cut",
    "longer",
    "unreadable",
    "one byte",
    "pipe",
    "directory",
    "link",
    "socket",
];

/// Does it to the file; false where there is nothing to be done.
fn harm(path: &Path, way: &str) -> bool {
    let is_there = path.exists();
    let write = |bytes: &[u8]| fs::write(path, bytes).expect("it can be written to");
    let remove = || is_there.then(|| fs::remove_file(path).expect("it is there"));
    match way {
        "removed" | "renamed" | "copy" | "emptied" | "cut" | "longer" | "unreadable" | "one byte" if !is_there => {
            return false;
        }
        "removed" => drop(remove()),
        "renamed" => fs::rename(path, path.with_file_name("elsewhere")).expect("it is there"),
        "copy" => {
            let copy = path.with_file_name("copy");
            fs::copy(path, &copy).expect("it is there");
            fs::rename(&copy, path).expect("it is there");
        }
        "other file" => {
            remove();
            write(&b"not one of ours ".repeat(600));
        }
        "emptied" => write(b""),
        "cut" => {
            let len = fs::metadata(path).expect("it is there").len();
            File::options().write(true).open(path).and_then(|file| file.set_len(len / 2)).expect("it is there");
        }
        "longer" => {
            let len = fs::metadata(path).expect("it is there").len();
            File::options().write(true).open(path).and_then(|file| file.set_len(len + 4096)).expect("it is there");
        }
        "unreadable" => fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("it is there"),
        "one byte" => {
            use std::os::unix::fs::FileExt as _;
            let file = File::options().read(true).write(true).open(path).expect("it is there");
            let mut byte = [0];
            // Where each sort of file has something that is checked: the header, or the text.
            let _ = file.read_at(&mut byte, 12);
            file.write_all_at(&[byte[0] ^ 4], 12).expect("it can be written to");
        }
        "pipe" => {
            remove();
            assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo, of coreutils, is there").success());
        }
        "directory" => {
            remove();
            fs::create_dir(path).expect("there is room");
        }
        "link" => {
            remove();
            symlink("/dev/null", path).expect("there is room");
        }
        "socket" => {
            remove();
            drop(UnixListener::bind(path).expect("there is room"));
        }
        _ => panic!("no such way: {way}"),
    }
    true
}

#[test]
fn a_lost_or_damaged_file_never_yields_a_smaller_total() {
    let mut table = Vec::new();
    for file in FILES {
        for way in WAYS {
            let mut scene = Scene::new();
            let path = scene.file(file);
            if !harm(&path, way) {
                continue;
            }
            // What counts in a file that is cut short ends, so it is not asked.
            let is_mapped = |who: &str| file == who && ["emptied", "cut"].contains(&way);
            let spares_living = !is_mapped("living") && !is_mapped("shared");
            let told = format!("{file}, {way}");
            let outcomes = scene.outcomes(&told, spares_living);
            let (fails, all) = (outcomes.iter().filter(|it| it.ends_with("fails")).count(), outcomes.len());
            table.push(format!("{told}: {fails} of {all} scrapes fail"));
            let is_needed = ["living", "ended", "archive", "shared", "roster"].contains(&file);
            // An archive that is changed in place is written anew by those that have it in memory.
            let is_gone = !["longer", "copy", "unreadable", "cut", "one byte"].contains(&way)
                && (file, way) != ("archive", "emptied");
            if is_needed && is_gone {
                assert_eq!(fails, all, "{told}: {outcomes:?}");
            }
            if file == "living" && is_gone && spares_living {
                for what in ["flush", "shutdown"] {
                    let said = scene.living.ask(what);
                    assert!(said.starts_with("error: ") && said.contains("process-"), "{told}: {what} says {said}");
                }
            }
        }
    }
    println!("{}", table.join("\n"));
}

#[test]
fn emptying_the_directory_fails_all_scrapes_until_all_have_ended() {
    let mut scene = Scene::new();
    let path = scene.path();
    for entry in fs::read_dir(&path).expect("it is there") {
        fs::remove_file(entry.expect("it can be read").path()).expect("a plain file");
    }
    let outcomes = scene.outcomes("emptied", true);
    assert!(outcomes.iter().all(|outcome| outcome.ends_with("fails")), "{outcomes:?}");
    for what in ["flush", "shutdown"] {
        let said = scene.other.ask(what);
        assert!(said.starts_with("error: ") && said.contains("roster"), "{what}: {said}");
    }
    let mut new = Worker::start(&path);
    assert_eq!(new.ask("count 2"), "ok");
    assert!(new.ask("scrape").starts_with("error: "));
    let Scene { around: _around, living, other, .. } = scene;
    living.end();
    other.end();
    assert!(new.ask("scrape").starts_with("error: "), "what they counted is missing");
    new.end();
    let mut last = Worker::start(&path);
    assert_eq!(last.scrape().get("requests_total"), Some(&2.0), "as if all had begun in an empty directory");
}

#[test]
fn a_file_that_is_put_back_shows_again() {
    let mut scene = Scene::new();
    let (path, aside) = (scene.of_living.clone(), scene.path().join("aside"));
    fs::rename(&path, &aside).expect("it is there");
    assert!(scene.other.ask("scrape").starts_with("error: "));
    assert_eq!(scene.living.ask("count 1"), "ok");
    fs::rename(&aside, &path).expect("it is there");
    assert_eq!(scene.other.scrape().get("requests_total"), Some(&(ALL + 1.0)));
    assert_eq!(scene.living.ask("flush"), "ok");
}

#[test]
fn a_loss_stays_known_until_the_roster_is_removed() {
    let scene = Scene::new();
    fs::remove_file(&scene.of_ended).expect("it is there");
    let path = scene.path();
    let Scene { around: _around, living, other, .. } = scene;
    living.end();
    other.end();
    let mut new = Worker::start(&path);
    let said = new.ask("scrape");
    assert!(said.contains("remove `roster`"), "{said}");
    new.end();
    fs::remove_file(path.join("roster")).expect("it is there");
    assert_eq!(Worker::start(&path).scrape().get("requests_total"), Some(&(ALL - 20.0)));
}

#[test]
fn a_copy_of_an_unused_directory_shows_all() {
    let scene = Scene::new();
    let path = scene.path();
    let Scene { around, living, other, .. } = scene;
    living.end();
    other.end();
    let copy = around.path().join("copy");
    assert!(Command::new("cp").arg("-a").arg(&path).arg(&copy).status().expect("cp, of coreutils, is there").success());
    assert_eq!(Worker::start(&copy).scrape().get("requests_total"), Some(&ALL));
}

#[test]
fn a_pipe_under_the_name_of_a_process_does_not_hang_a_scrape() {
    let mut scene = Scene::new();
    for digit in ["0", "a"] {
        let pipe = scene.path().join(format!("process-{}", digit.repeat(32)));
        assert!(Command::new("mkfifo").arg(pipe).status().expect("mkfifo, of coreutils, is there").success());
    }
    let outcomes = scene.outcomes("pipes", true);
    assert!(outcomes.iter().all(|outcome| outcome.ends_with("shows all")), "{outcomes:?}");
    let samples = scene.other.scrape();
    assert_eq!(samples.get(r#"pytheus_backend_files_skipped_total{reason="foreign"}"#), Some(&2.0));
}

#[test]
fn truncating_a_file_ends_its_own_process_alone_by_sigbus() {
    let mut scene = Scene::new();
    fs::write(&scene.of_living, "").expect("it is there");
    let outcomes = scene.outcomes("emptied", false);
    assert!(outcomes.iter().all(|outcome| outcome.ends_with("fails")), "{outcomes:?}");
    scene.living.tell("count 1");
    let Scene { around: _around, living, mut other, .. } = scene;
    assert_eq!(living.wait().signal(), Some(libc::SIGBUS), "there is no memory where the file ends");
    assert!(other.ask("scrape").starts_with("error: "), "what it had counted is missing");
}
