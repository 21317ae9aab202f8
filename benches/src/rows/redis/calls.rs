//! Calls one by one: how long the slow ones take, while everything that changes is shipped.

use super::state::States;
use crate::race::{Figure, Kind};
use crate::rows::backend::group;
use crate::rows::{Axis, Group, Run};

const QUANTILES: [usize; 4] = [500, 990, 999, 1_000];

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let mut states = None;
    for (key, title, row) in [
        ("redis_calls_inc", "in a Redis, calls one by one: counter inc", "inc"),
        ("redis_calls_observe", "in a Redis, calls one by one: histogram observe", "observe"),
        ("redis_calls_lookup", "in a Redis, calls one by one: look-up of 2 &str labels + observe", "lookup_observe"),
        ("redis_calls_gauge_set", "in a Redis, calls one by one: gauge set", "gauge_set"),
    ] {
        if run.wants(key) {
            let states = states.get_or_insert_with(States::begin);
            done(quantiles(run, group(key, title, "ns", Axis::Quantiles), row, states));
        }
    }
}

/// Of all calls of all turns, by whoever was disturbed.
fn quantiles(run: &Run, mut group: Group, row: &str, states: &mut States) -> Group {
    let mut sides: Vec<_> = states.sides.iter_mut().map(|(name, kind, process)| (*name, *kind, process, row)).collect();
    // Long enough for a flush in each.
    let turn = run.pace.round.as_nanos() * 125;
    let clock = "the clock, and a call of nothing";
    for _ in 0..run.few() * 2 {
        for (.., process, row) in &mut sides {
            process.ask(&format!("redis calls {row} {turn}"));
        }
        // In the process by itself.
        if let Some((.., process, _)) = sides.last_mut() {
            process.ask(&format!("redis calls nothing {turn}"));
        }
    }
    let mut tell = |name, kind, took: &[f64]| {
        for (at, &nanoseconds) in QUANTILES.into_iter().zip(took) {
            group.put((name, kind), at, Figure { median: nanoseconds, min: nanoseconds, disturbed: false });
        }
    };
    for (name, kind, process, row) in &mut sides {
        tell(*name, *kind, &process.ask(&format!("redis quantiles {row}")));
    }
    if let Some((.., process, _)) = sides.last_mut() {
        tell(clock, Kind::Aside, &process.ask("redis quantiles nothing"));
    }
    group
}
