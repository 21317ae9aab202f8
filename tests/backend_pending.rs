//! A backend that can't be loaded at once holds up no request, and trouble that passes does pass: counting goes on, each
//! scrape fails and says why, and once the backend is loaded the totals have all that was counted.
#![cfg(unix)]
#![allow(unsafe_code, reason = "`fork` and limits of a process have no safe form")]
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use pytheus::backends::custom::{Backend, Config, Configure, Totals};
use pytheus::backends::{BackendError, BackendSpec, json, load_backend};
use pytheus::backends::{flush, shutdown};
use pytheus::exposition::generate_metrics;
use pytheus::metric;
use support::worker::{Worker, serve};

metric! {
    /// Anything.
    static COUNTED: Counter = "counted_total";
    /// By label.
    static BY_THREAD: Counter = "by_thread_total" { labels: { thread } };
}

/// Ten times what a first use waits, and more, but less than the lock of a directory is waited for.
const SOON: Duration = Duration::from_secs(4);

/// One that is made once a file is gone, and fails while another one is there.
struct Stuck;

impl Backend for Stuck {
    fn load(&self, _: &mut Totals<'_>) -> Result<(), BackendError> {
        Ok(())
    }
}

impl Configure for Stuck {
    const NAME: &'static str = "stuck";

    fn configure(config: &mut Config) -> Result<Self, BackendError> {
        let path = config.path("path")?.ok_or_else(|| config.missing("path"))?;
        config.finish()?;
        while path.exists() {
            thread::sleep(Duration::from_millis(5));
        }
        let fails = path.with_extension("fails");
        if fails.exists() { Err("the ledger is away".into()) } else { Ok(Self) }
    }
}

pytheus::register_backend!(Stuck);

static CHILD: AtomicI32 = AtomicI32::new(0);

/// Sets a limit of this process; `None` takes it away, as far as can be.
fn limit_files(most: Option<u64>) {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: limits of this process, which are there to be written and read.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limits), 0);
        limits.rlim_cur = most.map_or(limits.rlim_max, |most| most);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limits), 0);
    }
}

/// A child that counts, and succeeds if that took no time and a scrape shows all in the end.
fn child() -> bool {
    let start = Instant::now();
    (0..7).for_each(|_| COUNTED.inc());
    BY_THREAD.thread("child").inc();
    let is_soon = start.elapsed() < SOON;
    let deadline = Instant::now() + support::TIMEOUT;
    while generate_metrics().is_err() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    is_soon && flush().is_ok()
}

fn act(words: &[&str]) -> String {
    let start = Instant::now();
    let result: Result<(), String> = match *words {
        ["count", times] => {
            (0..times.parse().expect("a number")).for_each(|_: u32| COUNTED.inc());
            Ok(())
        }
        ["threads"] => {
            thread::scope(|scope| {
                for number in 0..8 {
                    scope.spawn(move || (0..1_000).for_each(|_| BY_THREAD.thread(number % 3).inc()));
                }
            });
            Ok(())
        }
        ["load"] => {
            return load_backend(BackendSpec::from_env())
                .map_or_else(|error| format!("error: {error}"), |()| "ok".into());
        }
        ["flush"] => flush().map_err(|error| error.to_string()),
        ["shutdown", millis] => {
            let most = Duration::from_millis(millis.parse().expect("a number"));
            shutdown(most).map_err(|error| error.to_string())
        }
        ["full", "yes"] => {
            support::disk::limit_file_size(Some(0));
            Ok(())
        }
        ["full", "no"] => {
            support::disk::limit_file_size(None);
            Ok(())
        }
        ["files", "none"] => {
            limit_files(Some(3));
            Ok(())
        }
        ["files", "all"] => {
            limit_files(None);
            Ok(())
        }
        ["exit"] => process::exit(0),
        ["fork"] => {
            // SAFETY: the child allocates, which the system's allocator bears.
            let forked = unsafe { libc::fork() };
            if forked == 0 {
                // SAFETY: sends a signal that ends this process, should it hang.
                unsafe { libc::alarm(300) };
                let worked = std::panic::catch_unwind(child).is_ok_and(|worked| worked);
                // SAFETY: ends the process, and nothing else.
                unsafe { libc::_exit(i32::from(!worked)) }
            }
            CHILD.store(forked, SeqCst);
            Ok(())
        }
        ["join"] => {
            let mut status = -1;
            // SAFETY: a child of this process; the status is a number of ours.
            unsafe { libc::waitpid(CHILD.load(SeqCst), &raw mut status, 0) };
            return format!("{status}");
        }
        _ => return format!("what is {words:?}?"),
    };
    if start.elapsed() > SOON {
        return format!("it took {:?}", start.elapsed());
    }
    result.map_or_else(|error| format!("error: {error}"), |()| "ok".to_owned())
}

#[test]
fn worker() {
    serve(act);
}

/// A folder with a configuration, and the directory that it names.
struct Place {
    folder: tempfile::TempDir,
    class: &'static str,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder"), class: "file" };
        place.write(&json!({ "directory": place.directory() }).to_string());
        fs::DirBuilder::new().mode(0o700).create(place.directory()).expect("there is room");
        place
    }

    fn stuck() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder"), class: "stuck" };
        place.write(&json!({ "path": place.directory() }).to_string());
        place
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("metrics")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("pytheus.json")
    }

    fn write(&self, text: &str) {
        fs::write(self.config(), text).expect("there is room");
    }

    fn worker(&self) -> Worker {
        let config = self.config();
        Worker::idle_with(&[
            ("PYTHEUS_BACKEND_CLASS", OsStr::new(self.class)),
            ("PYTHEUS_BACKEND_CONFIG", config.as_os_str()),
        ])
    }

    /// As `flock -x DIR/lock sleep ..` does it.
    fn lock(&self) -> File {
        let path = self.directory().join("lock");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).expect("a file");
        file.lock().expect("nobody has it for long");
        file
    }

    /// What another process shows.
    fn total(&self) -> Option<f64> {
        self.worker().scrape().get("counted_total").copied()
    }
}

fn tell(worker: &mut Worker, what: &str) {
    assert_eq!(worker.ask(what), "ok", "{what}");
}

/// A scrape that fails soon, for this reason.
fn fails(worker: &mut Worker, why: &str) {
    let start = Instant::now();
    let text = worker.ask("scrape");
    assert!(text.starts_with("error: ") && text.contains(why), "{text}\nhas no: {why}");
    assert!(start.elapsed() < 3 * SOON, "it took {:?}", start.elapsed());
}

/// Waits until a scrape succeeds, and shows this total.
fn shows(worker: &mut Worker, total: f64) {
    let text = support::wait_for("scrape that succeeds", || match worker.ask("scrape") {
        text if text.starts_with("error: ") => Err(text),
        text => Ok(text),
    });
    assert_eq!(support::scrapes::samples_of_text(&text).get("counted_total"), Some(&total), "{text}");
}

#[test]
fn no_request_waits_for_a_lock_and_scrapes_succeed_once_it_is_free() {
    let place = Place::new();
    let lock = place.lock();
    let mut worker = place.worker();
    tell(&mut worker, "count 3");
    fails(&mut worker, "is not loaded yet");
    tell(&mut worker, "count 2");
    tell(&mut worker, "threads");
    fails(&mut worker, "locked by another process");
    drop(lock);
    shows(&mut worker, 5.0);
    // It is with the others, too: nothing is lost by a kill.
    tell(&mut worker, "count 1");
    worker.kill();
    let samples = place.worker().scrape();
    assert_eq!(samples.get("counted_total"), Some(&6.0));
    let by_thread = (0..3).map(|thread| samples[&format!("by_thread_total{{thread=\"{thread}\"}}")]);
    assert_eq!(by_thread.sum::<f64>(), 8_000.0);
}

#[test]
fn what_is_counted_first_is_with_the_others_at_once_where_nothing_is_in_the_way() {
    let place = Place::new();
    for round in 1..=10 {
        let mut worker = place.worker();
        tell(&mut worker, "count 1");
        worker.kill();
        assert_eq!(place.total(), Some(f64::from(round)));
    }
}

type Act<'a> = &'a dyn Fn(&Place, &mut Worker);

#[test]
fn trouble_that_passes_at_the_first_use_passes() {
    let blocked = |place: &Place| place.folder.path().join("blocked");
    let troubles: [(&str, Act<'_>, &str, Act<'_>); 6] = [
        (
            "the parent of the directory is a file",
            &|place, _| {
                File::create(blocked(place)).expect("there is room");
                place.write(&json!({ "directory": blocked(place).join("metrics") }).to_string());
            },
            "is not a directory",
            &|place, _| fs::remove_file(blocked(place)).expect("it is there"),
        ),
        ("the disk is full", &|_, worker| tell(worker, "full yes"), "/metrics", &|_, worker| tell(worker, "full no")),
        (
            "there are no more descriptors",
            &|_, worker| tell(worker, "files none"),
            "Too many open files",
            &|_, worker| tell(worker, "files all"),
        ),
        (
            "the configuration is not there yet",
            &|place, _| fs::remove_file(place.config()).expect("it is there"),
            "PYTHEUS_BACKEND_CONFIG",
            &|place, _| place.write(&json!({ "directory": place.directory() }).to_string()),
        ),
        (
            "the configuration is half written",
            &|place, _| place.write("{\"directory\": "),
            "is not JSON",
            &|place, _| place.write(&json!({ "directory": place.directory() }).to_string()),
        ),
        (
            "the configuration has a slip",
            &|place, _| place.write(&json!({ "directry": place.directory() }).to_string()),
            "the key `directory` is missing",
            &|place, _| place.write(&json!({ "directory": place.directory() }).to_string()),
        ),
    ];
    for (name, make, why, end) in troubles {
        println!("{name}");
        let place = Place::new();
        let mut worker = place.worker();
        make(&place, &mut worker);
        tell(&mut worker, "count 2");
        fails(&mut worker, why);
        tell(&mut worker, "count 1");
        let failed = worker.ask("flush");
        assert!(failed.contains(why), "{name}: {failed}");
        end(&place, &mut worker);
        shows(&mut worker, 3.0);
        tell(&mut worker, "flush");
    }
}

#[test]
fn load_backend_beside_a_load_in_the_background_waits_and_is_held_to_its_rules() {
    let place = Place::new();
    let lock = place.lock();
    let mut worker = place.worker();
    tell(&mut worker, "count 1");
    let free = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        drop(lock);
    });
    assert_eq!(worker.ask("load"), "ok");
    free.join().expect("it drops a file");
    tell(&mut worker, "count 1");
    shows(&mut worker, 2.0);
    // What fails is typed, and may be called again.
    let place = Place::stuck();
    let fails_file = place.directory().with_extension("fails");
    File::create(&fails_file).expect("there is room");
    let mut worker = place.worker();
    tell(&mut worker, "count 1");
    for _ in 0..2 {
        assert_eq!(worker.ask("load"), "error: backend `stuck`: the ledger is away");
    }
    fails(&mut worker, "the ledger is away");
    fs::remove_file(fails_file).expect("it is there");
    assert_eq!(worker.ask("load"), "ok");
    shows(&mut worker, 1.0);
}

#[test]
fn a_process_that_ends_at_once_waits_for_its_load() {
    for end in ["returns", "exits"] {
        let place = Place::new();
        let lock = place.lock();
        let mut worker = place.worker();
        tell(&mut worker, "count 4");
        let free = thread::spawn(move || {
            thread::sleep(Duration::from_millis(500));
            drop(lock);
        });
        if end == "exits" {
            worker.tell("exit");
        }
        worker.end();
        free.join().expect("it drops a file");
        assert_eq!(place.total(), Some(4.0), "{end}");
    }
}

#[test]
fn a_backend_that_hangs_holds_up_neither_threads_nor_flush_nor_the_end() {
    let place = Place::stuck();
    File::create(place.directory()).expect("there is room");
    let mut worker = place.worker();
    tell(&mut worker, "threads");
    tell(&mut worker, "count 9");
    fails(&mut worker, "is not loaded yet");
    let failed = worker.ask("shutdown 300");
    assert!(failed.contains("is not loaded yet: it was waited for 300ms"), "{failed}");
    fs::remove_file(place.directory()).expect("it is there");
    shows(&mut worker, 9.0);
    tell(&mut worker, "shutdown 3000");
    worker.end();
}

#[test]
fn a_child_that_comes_while_its_parent_waits_for_the_backend_counts_for_itself() {
    let place = Place::new();
    let lock = place.lock();
    let mut worker = place.worker();
    tell(&mut worker, "count 5");
    tell(&mut worker, "fork");
    tell(&mut worker, "count 1");
    thread::sleep(Duration::from_millis(300));
    drop(lock);
    assert_eq!(worker.ask("join"), "0", "the child counts without waiting, and is scraped in the end");
    shows(&mut worker, 13.0);
}

#[test]
fn a_child_of_a_process_that_has_a_backend_waits_for_no_lock() {
    let place = Place::new();
    let mut worker = place.worker();
    tell(&mut worker, "count 5");
    shows(&mut worker, 5.0);
    let lock = place.lock();
    tell(&mut worker, "fork");
    thread::sleep(Duration::from_secs(5));
    drop(lock);
    assert_eq!(worker.ask("join"), "0", "the child counts without waiting, and is scraped in the end");
    shows(&mut worker, 12.0);
}

/// Nothing but the folder of the test is written to.
#[test]
fn a_mistake_is_told_once_and_stays_until_it_is_put_right() {
    let place = Place::new();
    place.write("{\"directory\": 5}");
    let mut worker = place.worker();
    for _ in 0..3 {
        tell(&mut worker, "count 1");
        fails(&mut worker, "the key `directory` is a number");
    }
    assert!(fs::read_dir(Path::new(&place.directory())).expect("it is there").next().is_none());
    place.write(&json!({ "directory": place.directory() }).to_string());
    shows(&mut worker, 3.0);
    assert!(worker.ask("scrape").contains("pytheus_backend_errors_total{kind=\"load\"} 1\n"));
}
