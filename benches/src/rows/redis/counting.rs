//! Counting: that totals are in a Redis, and what becomes of it, must make no difference.

use super::state::States;
use crate::rows::backend::counting::side_by_side;
use crate::rows::backend::group;
use crate::rows::{Axis, Group, Run};

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let mut states = None;
    for (key, title, row) in [
        ("redis_inc", "in a Redis: counter inc", "inc"),
        ("redis_observe", "in a Redis: histogram observe, 11 buckets", "observe"),
        ("redis_lookup", "in a Redis: look-up of 2 &str labels + observe, 20 series", "lookup_observe"),
        ("redis_gauge_set", "in a Redis: gauge set", "gauge_set"),
    ] {
        if run.wants(key) {
            let states = states.get_or_insert_with(States::begin);
            done(race(run, group(key, title, "ns", Axis::Threads), row, states));
        }
    }
}

fn race(run: &Run, mut group: Group, row: &str, states: &mut States) -> Group {
    for threads in [1, 2] {
        side_by_side(run, &mut group, row, threads, &mut states.sides);
    }
    group
}
