use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::super::backend::Inner;
use super::super::heir::BETWEEN;
use super::super::settings::Settings;
use super::*;
use crate::backends::{At, Begun};

/// A server, and a process that is killed while a batch of 2 is under way, when it had told 5 and counted 4 more.
struct Killed {
    server: Server,
    spool: tempfile::TempDir,
    process: Process,
    late: Batch,
}

impl Killed {
    fn new() -> Self {
        let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
        let mut process = server.process_with(&json!({"spool_directory": spool.path()}));
        let (family, at) = (counter("c_total"), At { page: 0, cell: 0 });
        let arena = process.backend.arena().expect("there is a spool");
        arena
            .begin(&Begun { family: &family, series: &SeriesKey::new(&family, &["x"]), at, promised: false })
            .expect("there is room");
        arena.ready().expect("it can be shown");
        process.count("c_total", "x", 5);
        arena.page(1, 0).expect("there is room").cells()[0].store(11, Relaxed);

        // Refused for now, so that it comes when a test wants it to.
        assert_eq!(server.say("CONFIG SET maxmemory 1"), "+OK");
        let late = process.batch("c_total", "x", 2);
        process.backend.apply(&late).expect_err("the server takes nothing");
        assert_eq!(server.say("CONFIG SET maxmemory 0"), "+OK");
        process.backend.0.heir.die();
        Self { server, spool, process, late }
    }

    /// The batch arrives that was under way.
    fn arrive(&self) {
        self.process.backend.apply(&self.late).expect("the server takes it, or knows it");
    }

    /// One that takes over when a test wants it to.
    fn heir(&self) -> Inner {
        let config = json!({"port": self.server.port, "key_prefix": "ns", "spool_directory": self.spool.path()});
        let settings = Settings::read(&mut Config::new(config).expect("an object")).expect("a good config");
        Inner::new(settings).expect("there is room")
    }

    #[track_caller]
    fn assert_total(&self) {
        let key = "{ns:0}:f:c_total";
        assert_eq!(self.server.say(&format!("HGET {key} n[\"x\"]")), "$2\r\n11");
    }

    /// The files of those that count there, or have.
    fn files(&self) -> Vec<PathBuf> {
        let directory = std::fs::read_dir(self.spool.path()).expect("it is there").next().expect("there is one");
        let files = std::fs::read_dir(directory.expect("an entry").path()).expect("it is there");
        let files = files.map(|entry| entry.expect("an entry").path());
        let is_meant = |path: &Path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            name.starts_with("process-") || name.starts_with("told-")
        };
        files.filter(|path| is_meant(path)).collect()
    }
}

/// A file, and what was in it.
type Copied = (PathBuf, Vec<u8>);

fn inherit(heir: &Inner) {
    heir.heir.inherit(&heir.common, None);
}

#[test]
fn what_was_under_way_counts_once_when_it_comes_before_the_heir_or_after_it() {
    let killed = Killed::new();
    killed.arrive();
    inherit(&killed.heir());
    killed.assert_total();

    let killed = Killed::new();
    inherit(&killed.heir());
    killed.assert_total();
    killed.arrive();
    killed.assert_total();
}

#[test]
fn what_was_under_way_counts_once_when_it_comes_while_somebody_takes_over() {
    let killed = Rc::new(Killed::new());
    let (heir, late) = (killed.heir(), Rc::clone(&killed));
    BETWEEN.set(Some(Box::new(move || late.arrive())));
    inherit(&heir);
    killed.assert_total();
}

#[test]
fn an_heir_that_is_killed_before_it_tells_anything_is_as_none() {
    let killed = Rc::new(Killed::new());
    BETWEEN.set(Some(Box::new(|| panic!("it is killed"))));
    let heir = killed.heir();
    let _ = catch_unwind(AssertUnwindSafe(|| inherit(&heir)));
    inherit(&killed.heir());
    killed.assert_total();
    killed.arrive();
    killed.assert_total();
}

#[test]
fn an_heir_that_is_killed_when_it_has_told_all_leaves_nothing_to_tell() {
    let killed = Rc::new(Killed::new());
    let kept: Rc<Cell<Vec<Copied>>> = Rc::default();
    let (before, heir, keep) = (killed.files(), killed.heir(), Rc::clone(&kept));
    BETWEEN.set(Some(Box::new(move || {
        keep.set(before.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("it is there"))).collect());
    })));
    inherit(&heir);
    killed.assert_total();
    // As if it had not come to remove them.
    for (path, bytes) in kept.take() {
        std::fs::write(path, bytes).expect("there is room");
    }
    inherit(&killed.heir());
    killed.assert_total();
}

#[test]
fn notes_stay_short_and_say_as_much() {
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut process = server.process_with(&json!({"spool_directory": spool.path()}));
    let (family, at) = (counter("c_total"), At { page: 0, cell: 0 });
    let arena = process.backend.arena().expect("there is a spool");
    let series = SeriesKey::new(&family, &["x"]);
    arena.begin(&Begun { family: &family, series: &series, at, promised: false }).expect("there is room");
    arena.ready().expect("it can be shown");
    (0..500).for_each(|_| process.count("c_total", "x", 1));
    (0..50).for_each(|_| process.count("d_total", "y", 1));
    let (_, notes) = process.backend.0.heir.own().expect("there is a spool");
    let len = std::fs::metadata(notes).expect("they are there").len();
    assert!((1..8_192).contains(&len), "{len} bytes");
    arena.page(1, 0).expect("there is room").cells()[0].store(507, Relaxed);
    process.backend.0.heir.die();
    let killed = Killed { late: process.batch("c_total", "x", 0), server, spool, process };
    inherit(&killed.heir());
    assert_eq!(killed.server.say("HGET {ns:0}:f:c_total n[\"x\"]"), "$3\r\n507");
}
