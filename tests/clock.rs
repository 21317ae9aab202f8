//! Timers tell the time, whichever clock they read: never negative, never far from `Instant`, on any thread.

use std::sync::{Once, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use pytheus::metrics::{Histogram, Timer};
use support::worker::rerun;

/// A process that has taken as many times as this has begun to calibrate the counter.
const MANY: u32 = 2_000;

fn histogram() -> Histogram {
    Histogram::builder("name", "desc").unregistered().build().expect("the name and help are sound")
}

fn take_many_times() {
    let histogram = histogram();
    for _ in 0..MANY {
        histogram.time().stop();
    }
}

fn reads_the_counter(timer: &Timer<Histogram>) -> bool {
    format!("{timer:?}").contains("Ticks(")
}

/// Whether timers should come to read the counter, by what the documentation says.
fn should_read_the_counter() -> bool {
    let source = fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let trusted = if cfg!(target_arch = "aarch64") { "arch_sys_counter" } else { "tsc" };
    source.is_ok_and(|source| source.trim() == trusted)
        && env::var_os("PYTHEUS_CLOCK").is_none_or(|clock| clock != "system")
}

/// Waits until the counter is read, where it should be. Not for ever: a calibration that was disturbed, as happens where
/// the machine has other things to do, is not used, and a process makes only one.
fn settle() {
    static WAITED: Once = Once::new();
    take_many_times();
    let histogram = histogram();
    WAITED.call_once(|| {
        let enough = Instant::now();
        while should_read_the_counter()
            && !reads_the_counter(&histogram.time())
            && enough.elapsed() < Duration::from_secs(20)
        {
            thread::sleep(Duration::from_millis(1));
        }
    });
}

/// What was timed lies between what `Instant` says from inside and from outside, give or take a hundredth.
fn assert_between(inside: Duration, timed: Duration, outside: Duration) {
    let slack = Duration::from_micros(10);
    assert!(timed + timed / 100 + slack >= inside, "{timed:?} timed, {inside:?} passed");
    assert!(timed <= outside + outside / 100 + slack, "{timed:?} timed, {outside:?} passed");
}

/// Times `work`, on the thread that `finish` chooses.
fn time_and_check(histogram: &Histogram, work: impl FnOnce(), finish: impl FnOnce(Timer<Histogram>) -> Duration) {
    let outside = Instant::now();
    let timer = histogram.time();
    let inside = Instant::now();
    work();
    let inside = inside.elapsed();
    assert_between(inside, finish(timer), outside.elapsed());
}

#[test]
fn a_sleep_is_seen_before_and_after_the_counter_is_read() {
    let histogram = histogram();
    let sleep = || thread::sleep(Duration::from_millis(50));
    time_and_check(&histogram, sleep, Timer::stop);
    settle();
    time_and_check(&histogram, sleep, Timer::stop);
    assert_eq!(histogram.count(), 2);
    assert!(histogram.sum() > 0.099, "{}", histogram.sum());
}

#[test]
fn a_timer_that_begins_by_one_clock_does_not_end_by_the_other() {
    let histogram = histogram();
    time_and_check(&histogram, settle, Timer::stop);
}

#[test]
fn a_timer_can_be_stopped_on_another_thread() {
    settle();
    let histogram = histogram();
    for _ in 0..200 {
        time_and_check(&histogram, thread::yield_now, |timer| {
            thread::spawn(|| timer.stop()).join().expect("a thread that ends")
        });
    }
}

#[test]
fn no_thread_sees_time_go_back() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 2_000;
    settle();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Timer<Histogram>>()).unzip();
    let histogram = histogram();
    thread::scope(|scope| {
        for (at, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(at + 1) % THREADS].clone();
            let histogram = &histogram;
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    next.send(histogram.time()).expect("the neighbour is there");
                    let before = receiver.recv().expect("the neighbour is there");
                    let mine = histogram.time().stop();
                    let longer = before.stop();
                    assert!(longer >= mine, "what began before and ended after took {longer:?}, not {mine:?}");
                }
            });
        }
    });
}

#[test]
fn a_time_of_nothing_is_small_and_never_negative() {
    settle();
    let histogram = histogram();
    let outside = Instant::now();
    let mut sum = 0.0;
    for _ in 0..100_000 {
        drop(histogram.time());
        assert!(histogram.sum() >= sum, "{} after {sum}", histogram.sum());
        sum = histogram.sum();
    }
    assert!(sum <= outside.elapsed().as_secs_f64() * 1.01, "{sum}");
    assert_eq!(histogram.count(), 100_000);
}

/// Says to this program that it is run as a process of its own.
const ALONE: &str = "PYTHEUS_TEST_ALONE";

/// Not a test by itself: what the others start.
#[test]
fn child() {
    if env::var_os(ALONE).is_some() {
        settle();
        if !should_read_the_counter() {
            // Time for a calibration that must not be.
            thread::sleep(Duration::from_millis(300));
        }
        assert_eq!(reads_the_counter(&histogram().time()), should_read_the_counter());
    }
}

/// Runs it with this in its environment, and gives what it says when it fails.
fn run_child(clock: Option<&str>) -> Result<(), String> {
    let mut child = rerun("child");
    child.env(ALONE, "1").envs(clock.map(|clock| ("PYTHEUS_CLOCK", clock)));
    let output = child.output().expect("this test can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && text.contains(" 1 passed") { Ok(()) } else { Err(text) }
}

#[test]
fn the_counter_is_read_where_the_documentation_says() {
    // Where it should be, it is so in one process of many: each calibrates anew.
    let tries = if should_read_the_counter() { 10 } else { 1 };
    let wrong: Vec<_> = (0..tries).map(|_| run_child(None)).map_while(Result::err).collect();
    assert!(wrong.len() < tries, "{wrong:?}");
}

#[test]
fn the_environment_switches_the_counter_off() {
    run_child(Some("system")).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn a_thread_that_ends_takes_times_in_its_destructors() {
    struct AtTheEnd(mpsc::Sender<Duration>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            take_many_times();
            let _ = self.0.send(histogram().time().stop());
        }
    }
    thread_local! {
        static LAST: std::cell::RefCell<Option<AtTheEnd>> = const { std::cell::RefCell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    thread::spawn(|| LAST.set(Some(AtTheEnd(sender)))).join().expect("a thread that ends");
    let time = receiver.recv().expect("the destructor came to its end");
    assert!(time < Duration::from_secs(60), "{time:?}");
}
