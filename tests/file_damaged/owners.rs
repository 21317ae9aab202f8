//! Processes of several users in one directory: a scrape shows all counts, or fails and says which file may not be read.
#![cfg(unix)]
#![allow(unsafe_code, reason = "to become another user has no safe form")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use pytheus::backends::{BackendSpec, MultiProcessFileBackend, json, load_backend};
use pytheus::metric;
use support::scrapes::samples_of_text;
use support::worker::{Worker, serve};

/// Any but the superuser.
const USER: u32 = 1000;

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total";
    /// What all processes share.
    static LEVEL: Gauge = "level";
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count", amount] => REQUESTS.inc_by(amount.parse::<u64>().expect("a number")),
        ["share"] => LEVEL.set(7.0),
        ["load_shared", directory] => {
            let config = json!({ "directory": directory, "allow_others": true });
            let loaded = load_backend(BackendSpec::of::<MultiProcessFileBackend>().with_config(config));
            return loaded.map_or_else(|error| format!("error: {error}"), |()| "ok".to_owned());
        }
        ["become_user"] => {
            // SAFETY: plain calls, and this process does nothing else meanwhile.
            let is_done = unsafe {
                libc::setgroups(0, std::ptr::null()) == 0 && libc::setgid(USER) == 0 && libc::setuid(USER) == 0
            };
            assert!(is_done, "{}", std::io::Error::last_os_error());
        }
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

/// A directory of that user, where anybody can go.
fn directory_of(user: u32) -> (tempfile::TempDir, PathBuf) {
    // SAFETY: asks for a number.
    let is_root = unsafe { libc::geteuid() } == 0;
    assert!(
        is_root,
        "to become another user, this test has to run as root: `sudo -E cargo test --test file_owners`, or in a container"
    );
    let around = tempfile::tempdir().expect("a directory");
    fs::set_permissions(around.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let path = around.path().join("counts");
    fs::create_dir(&path).expect("there is room");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("it is ours");
    chown(&path, Some(user), Some(user)).expect("this is root");
    (around, path)
}

fn tell(worker: &mut Worker, what: &str) {
    assert_eq!(worker.ask(what), "ok", "{what}");
}

fn start_as_user(path: &Path) -> Worker {
    let mut worker = Worker::idle();
    tell(&mut worker, "become_user");
    assert_eq!(worker.load(path), "ok");
    worker
}

fn total(worker: &mut Worker) -> Option<f64> {
    worker.scrape().get("requests_total").copied()
}

#[test]
fn a_tool_of_the_superuser_leaves_files_that_the_user_of_the_directory_can_read() {
    let (_around, path) = directory_of(USER);
    let mut user = start_as_user(&path);
    tell(&mut user, "count 5");
    user.end();
    let mut root = Worker::idle();
    tell(&mut root, &format!("load_shared {}", path.display()));
    tell(&mut root, "count 1");
    tell(&mut root, "share");
    assert_eq!(total(&mut root), Some(6.0), "it archives what the user has counted");
    let mut user = start_as_user(&path);
    tell(&mut user, "count 1");
    assert_eq!((total(&mut user), total(&mut root)), (Some(7.0), Some(7.0)), "the superuser still counts");
    root.end();
    assert_eq!(user.scrape().get("level"), Some(&7.0));
    assert_eq!(total(&mut user), Some(7.0));
    for entry in fs::read_dir(&path).expect("it is there") {
        let entry = entry.expect("it can be read");
        let found = entry.metadata().expect("it is there");
        assert_eq!((found.uid(), found.mode() & 0o7777), (USER, 0o600), "{}", entry.path().display());
    }
}

#[test]
fn a_server_that_drops_its_privileges_after_it_has_loaded_shows_all() {
    let (_around, path) = directory_of(USER);
    for counted in [1.0, 2.0, 3.0] {
        let mut server = Worker::idle();
        tell(&mut server, &format!("load_shared {}", path.display()));
        tell(&mut server, "become_user");
        tell(&mut server, "count 1");
        tell(&mut server, "share");
        assert_eq!(total(&mut server), Some(counted));
        server.end();
    }
    assert_eq!(total(&mut start_as_user(&path)), Some(3.0));
}

#[test]
fn a_server_whose_directory_stays_the_superusers_fails_its_scrapes() {
    let (_around, path) = directory_of(0);
    let mut server = Worker::start(&path);
    tell(&mut server, "count 1");
    tell(&mut server, "become_user");
    tell(&mut server, "count 1");
    let said = server.ask("scrape");
    assert!(said.starts_with("error: ") && said.contains("no permission"), "{said}");
    server.end();
    assert_eq!(total(&mut Worker::start(&path)), Some(2.0), "nothing was lost");
}

#[test]
fn a_file_without_read_permission_fails_the_scrape() {
    for which in ["living", "ended", "archive", "roster", "shared", "lock"] {
        let (_around, path) = directory_of(USER);
        let mut archived = start_as_user(&path);
        tell(&mut archived, "count 100");
        archived.end();
        let mut living = start_as_user(&path);
        tell(&mut living, "count 20");
        total(&mut living);
        let of_living = processes(&path);
        let mut ended = start_as_user(&path);
        tell(&mut ended, "count 3");
        ended.kill();
        let file = match which {
            "living" => of_living[0].clone(),
            "ended" => processes(&path).into_iter().find(|file| *file != of_living[0]).expect("it was not archived"),
            name => path.join(name),
        };
        // As one that the superuser has made.
        chown(&file, Some(0), Some(0)).expect("this is root");
        for _ in 0..2 {
            let mut new = Worker::idle();
            tell(&mut new, "become_user");
            let loaded = new.load(&path);
            let said = if loaded == "ok" { new.ask("scrape") } else { loaded };
            assert!(said.starts_with("error: "), "{which}: {said}");
            assert!(
                said.contains("no permission for") && said.contains(file.to_str().expect("plain")),
                "{which}: {said}"
            );
        }
        let said = living.ask("scrape");
        if !said.starts_with("error: ") {
            assert_eq!(samples_of_text(&said).get("requests_total"), Some(&123.0), "{which}");
        }
        chown(&file, Some(USER), Some(USER)).expect("this is root");
        assert_eq!(total(&mut start_as_user(&path)), Some(123.0), "{which}: once it can be read again");
    }
}

fn processes(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it can be read").path());
    entries.filter(|path| path.to_string_lossy().contains("/process-")).collect()
}
