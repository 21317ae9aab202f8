//! Recovery of `most_recent` gauges.

use super::*;

/// Makes a process whose gauge `backup` was sent as 5, set at 10; and its cells.
fn process(server: &Server, spool: &tempfile::TempDir) -> (TestProcess, Arc<dyn Arena>) {
    let mut process = spooled(server, spool, 1);
    let arena = process.backend.arena().expect("there is a spool");
    let (family, at) = (backup(), CellAddr { page: 1, cell: 0 });
    let series = SeriesKey::new(&family, &[]);
    arena
        .add_series(&NewSeries { family: &family, series: &series, at, is_zero_series: false })
        .expect("there is room");
    set(&arena, 5.0, 10);
    arena.publish().expect("it can be shown");
    process.set_at(&family, 5.0, 10);
    (process, arena)
}

fn backup() -> Arc<FamilyKey> {
    gauge("backup", GaugeMode::MostRecent)
}

fn set(arena: &Arc<dyn Arena>, value: f64, at: u64) {
    let cells = arena.page(0, 1).expect("there is room").cells();
    cells[0].store(value.to_bits(), Relaxed);
    cells[2].store(at, Relaxed);
}

#[test]
fn a_value_set_before_a_kill_is_recovered_unless_a_later_one_is_there() {
    for (later, expected) in [(None, 7.0), (Some(15), 7.0), (Some(25), 9.0)] {
        let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
        let (killed, arena) = process(&server, &spool);
        set(&arena, 7.0, 20);
        crash(&killed);
        let mut other = server.process();
        if let Some(at) = later {
            other.set_at(&backup(), 9.0, at);
        }
        recover(&inner(config(&server, &spool, 1)));
        assert_eq!(other.value("backup"), Some(expected), "{later:?}");
    }
}

#[test]
fn a_sent_and_removed_value_does_not_come_back_when_its_process_ends() {
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let (killed, _arena) = process(&server, &spool);
    let mut other = server.process();
    other.remove_series(&backup(), &[]);
    assert_eq!(other.value("backup"), None);
    crash(&killed);
    recover(&inner(config(&server, &spool, 1)));
    assert_eq!(other.value("backup"), None);
}
