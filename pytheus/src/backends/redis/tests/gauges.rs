//! Gauges of several processes, aggregated by mode.

use super::*;
use crate::backends::api::gauge_aggregate::CASES;

impl TestProcess {
    /// Sets a gauge at a time.
    pub(super) fn set_at(&mut self, family: &Arc<FamilyKey>, value: f64, at: u64) {
        let mut batch = self.setting(family, value);
        batch.changes[0].set_at = at;
        self.backend.apply(&batch).expect("Redis takes it");
    }

    /// Returns the value of a gauge without labels in a scrape.
    #[track_caller]
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        let shown = self.scrape().expect("Redis answers");
        shown.iter().find(|(shown, _)| shown.trim_end() == name).map(|(_, value)| *value)
    }
}

/// Returns the label `pid` of a process.
fn label(process: &TestProcess) -> Arc<str> {
    let label = native(&process.backend.0).state.with(|state| Ok::<_, BackendError>(state.writer.process_label()));
    label.expect("no call is under way")
}

#[test]
fn each_mode_aggregates_values_independent_of_their_order() {
    let server = Server::start();
    let mut processes = [server.process(), server.process(), server.process()];
    let modes = [GaugeMode::LiveMin, GaugeMode::LiveMax, GaugeMode::LiveSum, GaugeMode::LiveMostRecent];
    for (number, (values, expected)) in CASES.iter().enumerate() {
        let all = modes.into_iter().zip(*expected).chain([(GaugeMode::MostRecent, expected[3])]);
        for (mode, expected) in all {
            for first in 0..values.len() {
                let name = format!("g_{mode:?}_{number}_{first}").to_lowercase().leak();
                let family = gauge(name, mode);
                for place in (0..values.len()).map(|place| (place + first) % values.len()) {
                    let (value, at) = values[place];
                    processes[(place + 2 * first) % 3].set_at(&family, value, at);
                }
                let shown = processes[0].value(name).map(|value| value.to_string());
                assert_eq!(shown.as_deref(), Some(expected), "{mode:?} of {values:?}");
            }
        }
    }
}

#[test]
fn the_most_recent_value_outlives_its_process_until_a_later_one() {
    let server = Server::start();
    let backup = gauge("backup", GaugeMode::MostRecent);
    let (mut one, mut other) = (server.process(), server.process());
    one.set_at(&backup, 5.0, 1_800_000_000_000_000_100);
    one.backend.close().expect("it ends");
    assert_eq!(other.value("backup"), Some(5.0), "a run that never sets it changes nothing");
    other.set_at(&backup, 9.0, 1_800_000_000_000_000_099);
    assert_eq!(other.value("backup"), Some(5.0), "it was set earlier");
    let mut batch = other.setting(&backup, -3.0);
    batch.changes[0].set_at = 1_800_000_000_000_000_101;
    for _ in 0..3 {
        other.backend.apply(&batch).expect("Redis takes it");
        assert_eq!(other.value("backup"), Some(-3.0));
    }
    // An unreadable value is replaced.
    server.say(&format!("HSET {{ns:0}}:f:{} f[] nonsense", backup.id()));
    other.set_at(&backup, 4.0, 1);
    assert_eq!(other.value("backup"), Some(4.0));
}

#[test]
fn the_most_recent_value_shows_across_declarations() {
    for mode in [GaugeMode::MostRecent, GaugeMode::LiveMostRecent] {
        let server = Server::start();
        let first = gauge("backup", mode);
        let second = first.descriptor().clone().with_labels(["b"]).expect("a label");
        let second = Arc::new(FamilyKey::new("", second));
        let (mut one, mut other) = (server.process(), server.process());
        one.set_at(&first, 1.0, 20);
        let mut batch = other.changing(&second, &[""], vec![Number::Float(2.0)], vec![Number::Float(2.0)]);
        batch.changes[0].set_at = 10;
        other.backend.apply(&batch).expect("Redis takes it");
        assert_eq!(one.value("backup"), Some(1.0), "of the older declaration, and later");
        one.set_at(&first, 1.0, 5);
        let expected = if mode == GaugeMode::MostRecent { 1.0 } else { 2.0 };
        assert_eq!(one.value("backup"), Some(expected), "{mode:?}");
    }
}

#[test]
fn the_most_recent_value_is_resent_after_a_data_loss() {
    let server = Server::start();
    let backup = gauge("backup", GaugeMode::MostRecent);
    let (mut one, mut other) = (server.process(), server.process());
    one.set_at(&backup, 5.0, 10);
    other.set_at(&backup, 7.0, 20);
    server.say("FLUSHALL");
    // The order does not matter.
    other.heartbeat();
    one.heartbeat();
    assert_eq!(one.value("backup"), Some(7.0));
    server.say(&format!("DEL {{ns:0}}:f:{}", backup.id()));
    one.heartbeat();
    assert_eq!(one.value("backup"), Some(5.0), "all that is known so far");
    other.heartbeat();
    assert_eq!(one.value("backup"), Some(7.0));
}

#[test]
fn a_removed_most_recent_value_stays_away_until_it_is_set() {
    let server = Server::start();
    let backup = gauge("backup", GaugeMode::MostRecent);
    let (mut one, mut other) = (server.process(), server.process());
    one.set_at(&backup, 5.0, 10);
    other.remove_series(&backup, &[]);
    assert_eq!(one.value("backup"), None);
    other.heartbeat();
    assert_eq!(one.value("backup"), None);
    one.set_at(&backup, 6.0, 11);
    assert_eq!(other.value("backup"), Some(6.0));
}

#[test]
fn a_process_keeps_its_label_beside_another_with_the_same_pid() {
    let server = Server::start();
    let each = gauge("each", GaugeMode::PerProcess);
    let (mut one, mut other) = (server.process(), server.process());
    one.set(&each, 1.0);
    let [of_one, of_other] = [&one, &other].map(|process| format!("each {}", label(process)));
    let pid = std::process::id();
    assert!(of_one.starts_with(&format!("each {pid}-")) && of_one != of_other, "{of_one}, {of_other}");
    one.shows(&[(&of_one, 1.0)]);
    other.set(&each, 2.0);
    let mut both = [(&*of_one, 1.0), (&*of_other, 2.0)];
    both.sort_by(|one, other| one.0.cmp(other.0));
    one.shows(&both);
    other.backend.close().expect("it ends");
    one.shows(&[(&of_one, 1.0)]);
}
