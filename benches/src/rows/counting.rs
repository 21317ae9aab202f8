//! Counting through a handle that is kept; guards, timers and attributes.

use super::{Axis, Group, Run};
use crate::limits;
use crate::peer::{Peer, Work};
use crate::peers::STACKED;
use crate::race::{Contestant, Kind};

const SWEEP: [usize; 4] = [1, 2, 4, 8];

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let mut row = |key, title, threads, show: fn(&dyn Peer) -> Option<Work>, further: Vec<Contestant>| {
        let mut group = Group::new(key, title, Axis::Threads);
        let mut contestants = Contestant::libraries(show);
        contestants.extend(further);
        run.race(&mut group, threads, &contestants);
        done(group);
    };
    let [stacked, stacked_async] = STACKED.map(|work| Contestant::new("pytheus, two attributes", Kind::Aside, work()));
    let with = |mut limits: Vec<Contestant>, further| {
        limits.push(further);
        limits
    };
    row("inc", "counter inc", &SWEEP, |peer| peer.inc(), limits::inc());
    row("inc_by", "counter inc_by(0.5)", &SWEEP, |peer| peer.inc_half(), limits::inc_half());
    row("observe", "histogram observe, 11 buckets", &SWEEP, |peer| peer.observe(), limits::observe());
    row("guard", "in-flight guard", &SWEEP[..1], |peer| peer.in_flight(), limits::in_flight());
    row("timing", "timing an empty body", &SWEEP[..1], |peer| peer.time_nothing(), limits::time_nothing());
    let further = with(limits::attribute(), stacked);
    row("attribute", "attribute on an empty fn", &SWEEP[..1], |peer| peer.attribute(), further);
    let further = with(limits::attribute(), stacked_async);
    row("attribute_async", "attribute on an empty async fn", &SWEEP[..1], |peer| peer.async_attribute(), further);
}
