mod damage;
mod recent;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use super::super::backend::Inner;
use super::super::config::Settings;
use super::*;
use crate::backends::custom::{Arena, CellAddr, NewSeries};
use crate::backends::failpoint::{self, RECOVERY_POINTS};
use crate::storage::ExactSum;

/// A server, and a process that is killed while a batch of 2 is under way, when it had told 5 and counted 4 more; and 7 in
/// each of other series, of which it has told nothing.
struct Killed {
    server: Server,
    spool: tempfile::TempDir,
    shards: u64,
    process: Process,
    late: Batch,
}

/// More than go in one batch.
const OTHERS: [(&str, &str); 5] =
    [("d_total", "a"), ("d_total", "b"), ("d_total", "c"), ("e_total", "d"), ("e_total", "e")];

impl Killed {
    fn new() -> Self {
        Self::with_shards(1)
    }

    fn with_shards(shards: u64) -> Self {
        let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
        let mut process = spooled(&server, &spool, shards);
        let arena = process.backend.arena().expect("there is a spool");
        begin(&*arena, "c_total", "x", 0);
        for (place, (name, label)) in OTHERS.iter().enumerate() {
            begin(&*arena, name, label, 1 + place);
            arena.page(1, 0).expect("there is room").cells()[1 + place].store(7, Relaxed);
        }
        arena.publish().expect("it can be shown");
        process.count("c_total", "x", 5);
        arena.page(1, 0).expect("there is room").cells()[0].store(11, Relaxed);

        // Refused for now, so that it comes when a test wants it to.
        assert_eq!(server.say("CONFIG SET maxmemory 1"), "+OK");
        let late = process.batch("c_total", "x", 2);
        process.backend.apply(&late).expect_err("the server takes nothing");
        assert_eq!(server.say("CONFIG SET maxmemory 0"), "+OK");
        process.backend.0.heir.die();
        Self { server, spool, shards, process, late }
    }

    /// The batch arrives that was under way.
    fn arrive(&self) {
        self.process.backend.apply(&self.late).expect("the server takes it, or knows it");
    }

    /// One that takes over when a test wants it to.
    fn heir(&self) -> Inner {
        self.heir_with(&json!({}))
    }

    fn heir_with(&self, more: &Value) -> Inner {
        let mut config = config(&self.server, &self.spool, self.shards);
        config.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        inner(config)
    }

    #[track_caller]
    fn assert_total(&self) {
        self.assert_totals(11.0);
    }

    /// So much stands in the series of which something was told; in the others, all.
    #[track_caller]
    fn assert_totals(&self, told: f64) {
        let mut shown = self.server.process_with(&json!({"shards": self.shards})).scrape().expect("Redis answers");
        let others = OTHERS.iter().map(|(name, label)| (format!("{name} {label}"), 7.0));
        let mut expected: Vec<_> = std::iter::once(("c_total x".to_owned(), told)).chain(others).collect();
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        shown.retain(|(name, _)| !name.starts_with("pytheus_"));
        assert_eq!(shown, expected);
    }

    /// Where those count that have this configuration.
    fn directory(&self) -> PathBuf {
        let directory = std::fs::read_dir(self.spool.path()).expect("it is there").next().expect("there is one");
        directory.expect("an entry").path()
    }

    /// The files of those that count there, or have.
    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory()).expect("it is there");
        let files = files.map(|entry| entry.expect("an entry").path());
        let is_meant = |path: &Path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            name.starts_with("process-") || name.starts_with("journal-")
        };
        files.filter(|path| is_meant(path)).collect()
    }

    /// The file of this kind.
    fn file(&self, kind: &str) -> PathBuf {
        let is_meant = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(kind));
        self.files().into_iter().find(is_meant).expect("it is there")
    }
}

fn config(server: &Server, spool: &tempfile::TempDir, shards: u64) -> Value {
    let spool = spool.path();
    // With a lease that leaves time enough to take over all.
    json!({
        "port": server.port, "timeout": 30, "key_prefix": "ns", "lease": 300, "spool_directory": spool, "shards": shards
    })
}

/// Without the thread that takes over at any time.
fn inner(config: Value) -> Inner {
    let settings = Settings::read(&mut Config::new(config).expect("an object")).expect("a good config");
    Inner::new(settings).expect("there is room")
}

/// A process that takes over nothing by itself.
fn spooled(server: &Server, spool: &tempfile::TempDir, shards: u64) -> Process {
    let backend = MultiProcessRedisBackend(Arc::new(inner(config(server, spool, shards))));
    Process { backend, writer: WriterId::random(), sequence: 0, totals: HashMap::new() }
}

/// One with a counter `c_total`, whose series `x` is in the first cell.
fn with_counter(server: &Server, spool: &tempfile::TempDir) -> (Process, Arc<dyn Arena>) {
    let process = spooled(server, spool, 1);
    let arena = process.backend.arena().expect("there is a spool");
    begin(&*arena, "c_total", "x", 0);
    arena.publish().expect("it can be shown");
    (process, arena)
}

/// Begins a series of a counter, in this cell.
fn begin(arena: &dyn Arena, name: &'static str, label: &str, cell: usize) {
    let (family, at) = (counter(name), CellAddr { page: 0, cell: u32::try_from(cell).expect("a small number") });
    arena
        .add_series(&NewSeries {
            family: &family,
            series: &SeriesKey::new(&family, &[label]),
            at,
            is_zero_series: false,
        })
        .expect("there is room");
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
    failpoint::arm("recovery journaled", 0, move || late.arrive());
    inherit(&heir);
    killed.assert_total();
}

#[test]
fn an_heir_that_is_killed_at_any_moment_has_told_all_once_or_leaves_it_to_the_next() {
    for shards in [1, 3] {
        for moment in RECOVERY_POINTS {
            for before in 0.. {
                let killed = Killed::with_shards(shards);
                failpoint::arm(moment, before, || panic!("it is killed"));
                let heir = killed.heir();
                let _ = catch_unwind(AssertUnwindSafe(|| inherit(&heir)));
                if failpoint::disarm() {
                    // It does not come by so often.
                    assert!(before > 0, "{moment}");
                    break;
                }
                // What the process itself had under way comes before the next heir, or after it.
                if before % 2 == 0 {
                    killed.arrive();
                }
                inherit(&killed.heir());
                killed.assert_total();
                killed.arrive();
                killed.assert_total();
            }
        }
    }
}

#[test]
fn an_heir_that_is_killed_when_it_has_told_all_leaves_nothing_to_tell() {
    let killed = Rc::new(Killed::new());
    let kept: Rc<Cell<Vec<Copied>>> = Rc::default();
    let (before, heir, keep) = (killed.files(), killed.heir(), Rc::clone(&kept));
    // The second time there is nothing to be told yet but what was noted then.
    failpoint::arm("server probed", 2, move || {
        keep.set(before.into_iter().map(|path| (path.clone(), std::fs::read(path).expect("it is there"))).collect());
    });
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
    let (mut process, arena) = with_counter(&server, &spool);
    (0..500).for_each(|_| process.count("c_total", "x", 1));
    (0..50).for_each(|_| process.count("d_total", "y", 1));
    let (_, notes) = process.backend.0.heir.own().expect("there is a spool");
    let len = std::fs::metadata(notes).expect("they are there").len();
    assert!((1..8_192).contains(&len), "{len} bytes");
    arena.page(1, 0).expect("there is room").cells()[0].store(507, Relaxed);
    process.backend.0.heir.die();
    let killed = Killed { late: process.batch("c_total", "x", 0), server, spool, shards: 1, process };
    inherit(&killed.heir());
    assert_eq!(killed.server.say(&format!("HGET {} n[\"x\"]", key("c_total", 0))), "$3\r\n507");
}

#[test]
fn what_redis_loses_meanwhile_is_lost_and_the_rest_is_told_once() {
    for moment in RECOVERY_POINTS {
        let killed = Rc::new(Killed::new());
        let (heir, server) = (killed.heir(), Rc::clone(&killed));
        failpoint::arm(moment, 0, move || assert_eq!(server.server.say("FLUSHALL"), "+OK"));
        inherit(&heir);
        if moment == "spool removed" {
            assert!(killed.server.process_with(&json!({})).scrape().expect("Redis answers").is_empty());
        } else {
            killed.assert_totals(6.0);
        }
    }
}

#[test]
fn one_at_a_time_takes_over() {
    let killed = Killed::new();
    let [one, other] = [killed.heir(), killed.heir()];
    failpoint::arm("recovery journaled", 0, move || inherit(&other));
    inherit(&one);
    killed.assert_total();
    assert!(killed.files().is_empty());
}

#[test]
fn after_a_while_the_rest_is_left_for_the_next_time() {
    let killed = Killed::new();
    let heir = killed.heir_with(&json!({"lease": 0.5}));
    failpoint::arm("recovery sent", 0, || thread::sleep(Duration::from_millis(300)));
    inherit(&heir);
    assert!(!killed.files().is_empty());
    let shown = killed.server.process_with(&json!({})).scrape().expect("Redis answers");
    assert_eq!(shown.len(), 3, "{shown:?}");
    for _ in 0..100 {
        inherit(&heir);
    }
    killed.assert_total();
    assert!(killed.files().is_empty());
}

#[test]
fn what_was_counted_for_another_server_or_database_is_not_told_here() {
    let (killed, other) = (Killed::new(), Server::start());
    for more in [json!({"db": 1}), json!({"key_prefix": "other"}), json!({"shards": 2}), json!({"port": other.port})] {
        let heir = killed.heir_with(&more);
        inherit(&heir);
        assert_eq!(heir.common.stats.families().last().expect("there are some").samples()[0].value(), 0_u64.into());
    }
    assert_eq!(other.say("DBSIZE"), ":0");
    inherit(&killed.heir());
    killed.assert_total();
}

#[test]
fn the_first_batch_counts_once_when_it_comes_after_the_end_of_its_process() {
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (mut process, arena) = with_counter(&server, &spool);
    arena.page(1, 0).expect("there is room").cells()[0].store(5, Relaxed);
    assert_eq!(server.say("CONFIG SET maxmemory 1"), "+OK");
    let first = process.batch("c_total", "x", 5);
    process.backend.apply(&first).expect_err("the server takes nothing");
    assert_eq!(server.say("CONFIG SET maxmemory 0"), "+OK");
    // Nobody knows whether it was done; the process ends all the same.
    process.backend.close().expect("it ends");
    assert_eq!(server.say(&format!("HGET {} n[\"x\"]", key("c_total", 0))), "$1\r\n5");
    let inner = &process.backend.0;
    inner.sender.board().get().expect("nobody else has it").apply(&inner.common, &first).expect("Redis answers");
    assert_eq!(server.say(&format!("HGET {} n[\"x\"]", key("c_total", 0))), "$1\r\n5");
}

#[test]
fn one_that_has_told_all_is_forgotten_when_it_ends() {
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (mut process, arena) = with_counter(&server, &spool);
    arena.page(1, 0).expect("there is room").cells()[0].store(5, Relaxed);
    process.count("c_total", "x", 5);
    process.backend.close().expect("it ends");
    assert_eq!(server.say("HLEN {ns:0}:writers"), ":1", "the layout alone");
    assert_eq!(server.say("ZCARD {ns:0}:alive"), ":0");
}

/// The next batch: these totals in a counter, of which nothing was told.
fn told(process: &mut Process, totals: &[(&str, f64)]) {
    let family = counter("c_total");
    let change = |(label, total): &(&str, f64)| Change {
        series: SeriesKey::new(&family, &[*label]),
        family: Arc::clone(&family),
        deltas: vec![Number::Float(*total)],
        totals: vec![Number::Float(*total)],
        was_set: false,
        set_at: 0,
    };
    process.sequence += 1;
    let changes = totals.iter().map(change).collect();
    let batch = Batch { writer: process.writer, sequence: process.sequence, changes };
    process.backend.apply(&batch).expect("Redis takes it");
}

#[test]
fn sums_that_were_rounded_in_another_way_or_are_infinite_are_not_told_again() {
    // What several threads have counted is added up to one more bit in the file, or one less.
    let sum = |parts: [f64; 3]| {
        let mut sum = ExactSum::ZERO;
        for part in parts {
            sum += part;
        }
        sum.value()
    };
    let (whole, one, other) = (1..1_000_u32)
        .map(|n| (f64::from(n), 0.1 * f64::from(n), 0.7 * f64::from(n)))
        .find(|(whole, one, other)| sum([*one, *other, *whole]) < whole + (one + other))
        .expect("there are such");
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut process = spooled(&server, &spool, 1);
    let arena = process.backend.arena().expect("there is a spool");
    for (place, label) in [(0, "x"), (1, "y")] {
        begin(&*arena, "c_total", label, place as usize);
        arena
            .add_cells(CellAddr { page: 0, cell: place }, CellAddr { page: 0, cell: 10 + place })
            .expect("there is room");
    }
    arena.publish().expect("it can be shown");
    let [first, second] = [1, 2].map(|shard| arena.page(shard, 0).expect("there is room").cells());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and whole")]
    first[0].store(whole as u64, Relaxed);
    first[10].store(one.to_bits(), Relaxed);
    second[10].store(other.to_bits(), Relaxed);
    first[11].store(f64::INFINITY.to_bits(), Relaxed);
    let total = whole + (one + other);
    told(&mut process, &[("x", total), ("y", f64::INFINITY)]);
    process.backend.0.heir.die();
    let killed = Killed { late: process.batch("c_total", "x", 0), server, spool, shards: 1, process };
    inherit(&killed.heir());
    let shown = killed.server.process_with(&json!({})).scrape().expect("Redis answers");
    assert_eq!(shown, [("c_total x".to_owned(), total), ("c_total y".to_owned(), f64::INFINITY)]);
    assert!(killed.files().is_empty());
}
