//! A directory that can't be used is a clear error when the backend is loaded, and never a fault later.
#![cfg(unix)]
#![allow(unsafe_code, reason = "limits and mounts have no safe form")]

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use pytheus::metric;
use support::worker::{Worker, serve};

metric! {
    /// Requests.
    static REQUESTS: Counter = "requests_total" { labels: { path } };
}

fn act(words: &[&str]) -> String {
    match *words {
        ["count", path] => REQUESTS.path(path).inc(),
        ["count_many", from, to] => {
            let number = |text: &str| text.parse::<u32>().unwrap_or(0);
            (number(from)..number(to)).for_each(|path| REQUESTS.path(path.to_string()).inc());
        }
        // As a disk that is full: no file may be longer than this.
        ["limit", bytes] => {
            let most = bytes.parse().unwrap_or(0);
            let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: a signal is ignored, so that the error shows; a number of ours is read.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit), 0);
            }
        }
        ["become_nobody"] => {
            // SAFETY: plain calls, and this process does nothing else meanwhile.
            assert!(unsafe { libc::setgid(65534) == 0 && libc::setuid(65534) == 0 });
        }
        _ => return format!("what is {words:?}?"),
    }
    "ok".to_owned()
}

#[test]
fn worker() {
    serve(act);
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

fn is_root() -> bool {
    // SAFETY: asks for a number.
    unsafe { libc::geteuid() == 0 }
}

#[test]
fn new_files_are_private_to_their_user() {
    let parent = tempfile::tempdir().expect("a directory");
    let directory = parent.path().join("a/b");
    let mut worker = Worker::start(&directory);
    assert_eq!(worker.ask("count /"), "ok");
    worker.scrape();
    assert_eq!(mode(&directory), 0o700);
    for entry in fs::read_dir(&directory).expect("it is there") {
        let path = entry.expect("it can be read").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn an_unusable_directory_is_refused_with_what_to_do() {
    let parent = tempfile::tempdir().expect("a directory");
    let refused = |name: &str, expected: &str| {
        let mut worker = Worker::idle();
        let said = worker.load(&parent.path().join(name));
        assert!(said.starts_with("error: backend `file`: ") && said.contains(expected), "{said}");
        // It counts for itself all the same.
        assert_eq!(worker.ask("count /"), "ok");
        assert_eq!(worker.scrape().get(r#"requests_total{path="/"}"#), Some(&1.0));
    };
    let path = |name: &str| parent.path().join(name);

    fs::create_dir(path("open")).expect("it can be made");
    set_mode(&path("open"), 0o777);
    refused("open", "`chmod 700` it, or set `allow_others` to true");
    fs::write(path("file"), "").expect("it can be made");
    refused("file", "is not a directory");
    fs::create_dir(path("real")).expect("it can be made");
    symlink("real", path("link")).expect("it can be made");
    refused("link", "symbolic link");
    fs::create_dir(path("trap")).expect("it can be made");
    set_mode(&path("trap"), 0o700);
    symlink("/dev/null", path("trap/shared")).expect("it can be made");
    refused("trap", "shared");
}

#[test]
fn a_directory_without_permission_is_refused() {
    let parent = tempfile::tempdir().expect("a directory");
    set_mode(parent.path(), 0o755);
    let directory = parent.path().join("closed");
    fs::create_dir(&directory).expect("it can be made");
    set_mode(&directory, 0o500);
    let mut worker = Worker::idle();
    if is_root() {
        // Who may do everything.
        assert_eq!(worker.ask("become_nobody"), "ok");
    }
    let said = worker.load(&directory);
    assert!(said.contains("no permission for"), "{said}");
}

#[test]
fn a_file_system_that_is_full_or_read_only_is_refused() {
    if !is_root() {
        // Mounting is for root alone; `no_room_later` has a disk that is full for anyone.
        return;
    }
    let parent = tempfile::tempdir().expect("a directory");
    let mounted = Mounted::new(parent.path(), "size=40k,mode=700");
    fs::write(parent.path().join("ballast"), vec![0; 32 * 1024]).expect("there is as much room");
    let said = Worker::idle().load(parent.path());
    assert!(said.to_lowercase().contains("no space left"), "{said}");
    fs::remove_file(parent.path().join("ballast")).expect("it is there");
    mounted.read_only();
    let said = Worker::idle().load(parent.path());
    assert!(said.contains("read-only file system"), "{said}");
}

/// A file system of its own, for as long as the test runs.
struct Mounted(CString);

impl Mounted {
    fn new(path: &Path, options: &str) -> Self {
        let at = CString::new(path.as_os_str().as_bytes()).expect("no zero");
        let options = CString::new(options).expect("no zero");
        // SAFETY: texts that end in a zero, and stay.
        let mounted =
            unsafe { libc::mount(c"none".as_ptr(), at.as_ptr(), c"tmpfs".as_ptr(), 0, options.as_ptr().cast()) };
        assert_eq!(mounted, 0, "a tmpfs can't be mounted: run this as root with CAP_SYS_ADMIN, or not as root");
        Self(at)
    }

    fn read_only(&self) {
        let flags = libc::MS_REMOUNT | libc::MS_RDONLY;
        // SAFETY: as above.
        let mounted =
            unsafe { libc::mount(c"none".as_ptr(), self.0.as_ptr(), c"tmpfs".as_ptr(), flags, std::ptr::null()) };
        assert_eq!(mounted, 0, "{}", std::io::Error::last_os_error());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::umount2(self.0.as_ptr(), libc::MNT_DETACH) };
    }
}

#[test]
fn a_full_disk_drops_and_counts_new_series_while_others_count_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut other = Worker::start(directory.path());
    let mut worker = Worker::start(directory.path());
    assert_eq!(worker.ask("count first"), "ok");
    assert_eq!(worker.ask(&format!("limit {}", 256 * 1024)), "ok");
    assert_eq!(worker.ask("count_many 0 20000"), "ok");
    assert_eq!(worker.ask("count first"), "ok");
    let samples = worker.scrape();
    let all: f64 = samples.iter().filter(|(name, _)| name.starts_with("requests_total")).map(|(_, value)| value).sum();
    let dropped = samples[r#"pytheus_dropped_updates_total{reason="no_room"}"#];
    assert_eq!((all + dropped).to_string(), "20002");
    assert!(all > 100.0, "{all} found room");
    assert_eq!(samples[r#"requests_total{path="first"}"#].to_string(), "2");
    let of_other = other.scrape();
    assert_eq!(of_other[r#"requests_total{path="first"}"#].to_string(), "2");
    worker.kill();
    let shown = |samples: &support::scrapes::Samples| -> f64 {
        samples.iter().filter(|(name, _)| name.starts_with("requests_total")).map(|(_, value)| value).sum()
    };
    assert_eq!(shown(&other.scrape()).to_string(), all.to_string());
    assert_eq!(shown(&other.scrape()).to_string(), all.to_string());
}
