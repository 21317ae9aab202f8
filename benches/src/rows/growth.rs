//! How cost grows with the number of series: look-ups and scrapes. One library after the other, since a million series
//! of everyone would not fit in memory.

use std::sync::Arc;

use super::lookup::lookup;
use super::scrape::scrape;
use super::{Axis, Group, Run};
use crate::race::{Contestant, Pace};
use crate::values::{pairs, shuffled};

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let mut lookups = Group::new("growth_lookup", "look-up of 2 labels + inc, by series", Axis::Series);
    let mut scrapes = Group::new("growth_scrape", "text scrape of counters, per series", Axis::Series);
    let [wants_lookups, wants_scrapes] = [&lookups, &scrapes].map(|group| run.wants(group.key));
    if !wants_lookups && !wants_scrapes {
        return;
    }
    for size in run.sizes() {
        let sets = pairs(size);
        let order = shuffled(&sets);
        let rounds = if size > 10_000 { 2 } else { run.pace.rounds.min(8) };
        let pace = Pace { rounds, ..run.pace };
        for (peer, kind) in crate::peers::with_kinds() {
            let Some(family) = peer.pairs(size) else { continue };
            family.update(&sets);
            let race = |group: &mut Group, contestant: Contestant| {
                let figures = run.crew.race(pace, 1, std::slice::from_ref(&contestant));
                for figure in figures {
                    group.add(&contestant, size, figure);
                }
            };
            if wants_lookups {
                let work = lookup(Arc::clone(&family), &sets, order.clone());
                race(&mut lookups, Contestant::new(peer.name(), kind, work));
            }
            if wants_scrapes {
                race(&mut scrapes, Contestant::new(peer.name(), kind, scrape(family, &sets)).per(size));
            }
        }
    }
    for group in [lookups, scrapes] {
        if !group.cells.is_empty() {
            done(group);
        }
    }
}
