//! Gauges of several processes, live and ended.

use super::*;
use crate::backends::api::gauge_aggregate::CASES;

/// Returns the shown value of one series.
fn value(process: &Process) -> Option<String> {
    let shown = process.scrape();
    assert!(shown.len() < 2, "{shown:?}");
    Some(shown.first()?.rsplit_once(' ')?.1.to_owned())
}

#[test]
fn the_most_recent_value_is_independent_of_setters_and_ends() {
    let level = gauge(GaugeMode::MostRecent);
    for (values, expected) in CASES {
        for first in 0..values.len() {
            for ended in 0..=values.len() {
                let directory = directory();
                let watcher = Process::start(&directory);
                let mut live = Vec::new();
                for place in 0..values.len() {
                    let (value, set_at) = values[(place + first) % values.len()];
                    let mut process = Process::start(&directory);
                    process.begin(&level, &["x"]).set(value, set_at);
                    if place < ended {
                        process.kill();
                        // This archives it.
                        watcher.scrape();
                    } else {
                        live.push(process);
                    }
                }
                assert_eq!(processes(&directory), 1 + live.len());
                assert_eq!(value(&watcher).as_deref(), Some(expected[3]), "{values:?} from {first}, {ended} ended");
            }
        }
    }
}

#[test]
fn the_time_of_the_last_backup_survives_runs_that_never_set_it() {
    let directory = directory();
    let level = gauge(GaugeMode::MostRecent);
    let mut good = Process::start(&directory);
    good.begin(&level, &["x"]).set(1_800_000_000.5, 1_800_000_000_500_000_000);
    good.backend.close().expect("nothing is in the way");
    for _ in 0..3 {
        let mut failed = Process::start(&directory);
        failed.begin(&level, &["x"]);
        assert_eq!(value(&failed).as_deref(), Some("1800000000.5"));
        failed.kill();
    }
    let mut last = Process::start(&directory);
    assert_eq!(value(&last).as_deref(), Some("1800000000.5"));
    let series = last.begin(&level, &["x"]);
    series.set(7.0, 1_800_000_000_499_999_999);
    assert_eq!(value(&last).as_deref(), Some("1800000000.5"), "set earlier, by the clock");
    series.set(7.0, 1_800_000_000_500_000_001);
    assert_eq!(value(&last).as_deref(), Some("7"));
}

#[test]
fn a_live_most_recent_value_leaves_with_its_process() {
    let directory = directory();
    let level = gauge(GaugeMode::LiveMostRecent);
    let (mut one, mut other) = (Process::start(&directory), Process::start(&directory));
    one.begin(&level, &["x"]).set(5.0, 10);
    other.begin(&level, &["x"]).set(6.0, 20);
    assert_eq!(value(&one).as_deref(), Some("6"));
    other.kill();
    assert_eq!(value(&one).as_deref(), Some("5"));
}

#[test]
fn a_removed_most_recent_value_stays_removed_after_its_process() {
    let directory = directory();
    let level = gauge(GaugeMode::MostRecent);
    let (one, mut other, mut third) =
        (Process::start(&directory), Process::start(&directory), Process::start(&directory));
    other.begin(&level, &["x"]).set(4.0, 10);
    let of_third = third.begin(&level, &["x"]);
    of_third.set(3.0, 5);
    one.remove(&level, &["x"]);
    assert_eq!(value(&one), None);
    other.kill();
    assert_eq!(value(&one), None, "it was removed before its process ended");
    of_third.set(3.0, 11);
    assert_eq!(value(&one).as_deref(), Some("3"));
    third.kill();
    assert_eq!(value(&one).as_deref(), Some("3"), "set after the removal");
    one.remove(&level, &["x"]);
    assert_eq!(value(&one), None, "removed from the archive");
}

#[test]
fn an_unset_gauge_shows_no_value_although_its_series_exists() {
    use GaugeMode::{LiveMax, LiveMin, LiveMostRecent, MostRecent, PerProcess};
    for mode in [LiveMin, LiveMax, MostRecent, LiveMostRecent, PerProcess] {
        let directory = directory();
        let level = gauge(mode);
        let (one, other) = (Process::start(&directory), Process::start(&directory));
        let at = CellAddr { page: 1, cell: 0 };
        let series = one.begin_at(&level, &["x"], at, true);
        assert_eq!(other.scrape(), [""; 0], "{mode:?}");
        series.set(0.0, 1);
        assert_eq!(other.scrape().len(), 1, "{mode:?} was set to 0");
    }
}

#[test]
fn the_most_recent_value_shows_across_declarations() {
    let directory = directory();
    let first = gauge(GaugeMode::MostRecent);
    let second = first.descriptor().clone().with_labels(["b"]).expect("a label");
    let second = Arc::new(FamilyKey::new("", second));
    let (mut one, mut other) = (Process::start(&directory), Process::start(&directory));
    let (of_one, of_other) = (one.begin(&first, &["x"]), other.begin(&second, &["x", ""]));
    of_other.set(2.0, 10);
    of_one.set(1.0, 20);
    assert_eq!(value(&one).as_deref(), Some("1"), "of the older declaration, and later");
    one.kill();
    assert_eq!(value(&other).as_deref(), Some("1"));
    of_other.set(2.0, 21);
    assert_eq!(value(&other).as_deref(), Some("2"));
}

#[test]
fn processes_with_the_same_pid_show_side_by_side_and_keep_their_labels() {
    let directory = directory();
    let level = gauge(GaugeMode::PerProcess);
    let start = |number: f64| {
        let mut process = Process::start(&directory);
        process.begin(&level, &["x"]).set(number, 1);
        process
    };
    // As in two PID namespaces, or with two copies of this crate in one process.
    let (one, two, three) = (start(1.0), start(2.0), start(3.0));
    let label_of = |process: &Process, value: &str| {
        let shown = process.scrape();
        let of_value = |line: &&String| line.ends_with(&format!(" {value}"));
        shown.iter().find(of_value).unwrap_or_else(|| panic!("{shown:?} lacks {value}")).clone()
    };
    let pid = std::process::id();
    let plain = |value: &str| format!(r#"level{{a="x",pid="{pid}"}} {value}"#);
    let [of_two, of_three] = ["2", "3"].map(|value| label_of(&one, value));
    assert_eq!(label_of(&three, "1"), plain("1"), "the first one has the number");
    for line in [&of_two, &of_three] {
        assert!(line.starts_with(&format!(r#"level{{a="x",pid="{pid}-"#)), "{line}");
    }
    assert_ne!(of_two.split(' ').next(), of_three.split(' ').next());
    one.kill();
    assert_eq!([label_of(&two, "2"), label_of(&three, "3")], [of_two.clone(), of_three.clone()]);
    // The number is free again for a new process.
    let four = start(4.0);
    assert_eq!(label_of(&two, "4"), plain("4"));
    assert_eq!([label_of(&four, "2"), label_of(&four, "3")], [of_two, of_three]);
}
