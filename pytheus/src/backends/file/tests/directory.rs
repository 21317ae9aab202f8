//! Requirements on the directory, and its lock.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::child;
use super::process::lock;
use crate::backends::file::dir::directory::{Directory, publish};
use crate::backends::file::dir::error::{FileError, FileFault};
use crate::backends::file::dir::roster;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Returns the path of nothing.
fn fresh() -> (tempfile::TempDir, std::path::PathBuf) {
    let around = tempfile::tempdir().expect("there is a place for temporary files");
    let path = around.path().join("above").join("counts");
    (around, path)
}

fn open(path: &Path) -> Directory {
    Directory::open(path, false).expect("it is a good directory")
}

fn fault<T: std::fmt::Debug>(result: Result<T, FileError>) -> FileFault {
    let error = result.expect_err("something is wrong");
    assert!(error.to_string().contains(&*error.path().to_string_lossy()), "{error}");
    error.fault()
}

#[test]
fn a_directory_is_made_for_this_user_alone() {
    let (_around, path) = fresh();
    let directory = open(&path);
    assert_eq!(mode(&path), 0o700);
    let locked = directory.acquire_lock().expect("nobody has locked it");
    let (_liveness, new) = locked.create_process_file().expect("there is room");
    let paths = new.into_paths();
    publish(&paths).expect("it can be renamed");
    let file = paths.1;
    assert_eq!((mode(&file), mode(&path.join("lock"))), (0o600, 0o600));
}

#[test]
fn permissions_do_not_depend_on_the_umask() {
    for umask in ["000", "777"] {
        let (_around, path) = fresh();
        fs::create_dir(path.parent().expect("it has one")).expect("there is room");
        let command = child::command("attach", &path);
        let status = child::in_shell(&format!("umask {umask}"), &command).status().expect("there is a shell");
        assert!(status.success(), "umask {umask}");
        assert_eq!(mode(&path), 0o700, "umask {umask}");
        let files: Vec<_> =
            fs::read_dir(&path).expect("it is there").map(|entry| entry.expect("it is").path()).collect();
        assert!(files.iter().any(|file| file.to_string_lossy().contains("process-")), "{files:?}");
        // A directory from a race of two processes may have fewer permissions, never more.
        assert!(files.iter().all(|file| mode(file) & !0o600 == 0), "umask {umask}: {files:?}");
    }
}

#[test]
fn a_directory_writable_by_others_is_refused_unless_allowed() {
    for unsafe_mode in [0o770, 0o702, 0o1777] {
        let (_around, path) = fresh();
        fs::create_dir_all(&path).expect("there is room");
        set_mode(&path, unsafe_mode);
        let refused = Directory::open(&path, false).expect_err("others can write there");
        assert_eq!(refused.fault(), FileFault::OthersWrite { mode: unsafe_mode });
        assert!(refused.to_string().contains(&format!("{unsafe_mode:o}: `chmod 700` it, or set `allow_others`")));
        Directory::open(&path, true).expect("it is allowed");
        set_mode(&path, 0o755);
        open(&path);
    }
}

#[test]
fn a_directory_of_another_user_is_refused_unless_allowed() {
    let (_around, path) = fresh();
    fs::create_dir_all(&path).expect("there is room");
    let own = fs::metadata(&path).expect("it is there").uid();
    // The superuser alone can give it away.
    if chown(&path, Some(own + 1), None).is_ok() {
        set_mode(&path, 0o700);
        assert_eq!(fault(Directory::open(&path, false)), FileFault::NotOurs { owner: own + 1, user: own });
        Directory::open(&path, true).expect("it is allowed");
    } else {
        assert_eq!(fault(Directory::open(Path::new("/"), false)), FileFault::Denied);
    }
    assert_eq!(fs::read_dir(&path).expect("it is there").count(), 0, "nothing is left of the look");
}

#[test]
fn anything_but_a_directory_is_refused() {
    let (around, path) = fresh();
    open(&path);
    let link = around.path().join("link");
    symlink(&path, &link).expect("links are known here");
    assert_eq!(fault(Directory::open(&link, false)), FileFault::Symlink);
    let file = around.path().join("file");
    fs::write(&file, "").expect("there is room");
    assert_eq!(fault(Directory::open(&file, false)), FileFault::NotADirectory);
    assert_eq!(fault(Directory::open(&file.join("in it"), false)), FileFault::NotADirectory);
    let nowhere = fault(Directory::open(Path::new("/proc/no such thing/counts"), false));
    assert!([FileFault::Other, FileFault::Denied, FileFault::ReadOnly].contains(&nowhere), "{nowhere:?}");
    // In the path to it, links are followed.
    open(&link.join("below"));
    assert!(path.join("below").is_dir());
}

#[test]
fn a_lock_file_behind_a_symbolic_link_is_refused() {
    let (around, path) = fresh();
    let directory = open(&path);
    symlink(around.path().join("elsewhere"), path.join("lock")).expect("links are known here");
    assert_eq!(fault(directory.acquire_lock()), FileFault::Symlink);
    fs::remove_file(path.join("lock")).expect("it is ours");
    let made = Command::new("mkfifo").arg(path.join("lock")).status().expect("there is mkfifo, of coreutils");
    assert!(made.success());
    assert_eq!(fault(directory.acquire_lock()), FileFault::NotAFile);
    assert!(!around.path().join("elsewhere").exists());
}

#[test]
fn a_removed_or_replaced_directory_is_noticed() {
    let (_around, path) = fresh();
    let directory = open(&path);
    drop(directory.acquire_lock().expect("it is there"));
    fs::remove_dir_all(&path).expect("it is ours");
    assert_eq!(fault(directory.acquire_lock()), FileFault::Gone);
    assert_eq!(fault(directory.list()), FileFault::Gone);
    fs::create_dir(&path).expect("there is room");
    assert_eq!(fault(directory.acquire_lock()), FileFault::Gone);
    assert_eq!(fault(directory.list()), FileFault::Gone);
    drop(open(&path).acquire_lock().expect("the new one is as good"));
}

#[test]
fn one_process_at_a_time_holds_the_lock() {
    let (_around, path) = fresh();
    let mut directory = open(&path);
    directory.wait_limit = Duration::from_millis(20);
    let other = open(&path);
    let held = other.acquire_lock().expect("nobody has it");
    assert!(directory.try_acquire_lock().expect("it is there").is_none());
    assert_eq!(fault(directory.acquire_lock()), FileFault::Busy);
    drop(held);
    drop(directory.acquire_lock().expect("it was given back"));

    // No other process reads or writes in between.
    let count = path.join("count");
    fs::write(&count, "0").expect("there is room");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let _locked = lock(&other);
                    let before: u32 = fs::read_to_string(&count).expect("it is there").parse().expect("a number");
                    fs::write(&count, (before + 1).to_string()).expect("there is room");
                }
            });
        }
    });
    assert_eq!(fs::read_to_string(&count).expect("it is there"), "200");
}

#[test]
fn a_removed_lock_file_is_made_again() {
    let (_around, path) = fresh();
    let directory = open(&path);
    let held = directory.acquire_lock().expect("nobody has it");
    fs::remove_file(path.join("lock")).expect("it is ours");
    drop(held);
    let _held = directory.acquire_lock().expect("it is made again");
    assert!(directory.try_acquire_lock().expect("it is there").is_none());
}

#[test]
fn a_staged_file_is_invisible_until_it_is_published() {
    let (_around, path) = fresh();
    let directory = open(&path);
    fs::write(path.join("process-of-somebody"), "").expect("there is room");
    let locked = directory.acquire_lock().expect("nobody has it");
    let names = || fs::read_dir(&path).expect("it is there").count();
    let (_liveness, new) = locked.create_process_file().expect("there is room");
    let (first, number) = (new.id, new.number);
    assert_eq!((directory.list().expect("it is there").len(), names()), (0, 3));
    publish(&new.into_paths()).expect("it can be renamed");
    let (_other_life, dropped) = locked.create_process_file().expect("there is room");
    assert!(dropped.number > number);
    drop(dropped);
    assert_eq!(directory.list().expect("it is there"), [(first, directory.process(first))]);
    assert_eq!(names(), 3);

    // A staged file of a crashed process.
    fs::write(path.join("new-0123"), "").expect("there is room");
    fs::write(path.join("archive-new"), "").expect("there is room");
    fs::write(path.join("newer"), "").expect("there is room");
    roster::clean(&locked).expect("it is ours");
    assert_eq!(names(), 4);
}

#[test]
fn a_lock_file_without_a_number_begins_anew() {
    let (_around, path) = fresh();
    let directory = open(&path);
    for (text, next) in [("41\n", 42), ("nonsense that is longer than any number", 1), ("", 1)] {
        fs::write(path.join("lock"), text).expect("there is room");
        let locked = directory.acquire_lock().expect("nobody has it");
        for number in next..next + 3 {
            let (_, new) = locked.create_process_file().expect("there is room");
            assert_eq!(new.number, number, "after {text:?}");
        }
    }
}
