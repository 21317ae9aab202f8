//! Counting through a handle that is kept; guards, timers and attributes.

use super::{Group, Run};
use crate::limits;
use crate::peer::{Peer, Work};
use crate::peers::STACKED;
use crate::race::{Contestant, Kind};

const SWEEP: [usize; 4] = [1, 2, 4, 8];

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let mut row = |key, title, threads, show: fn(&dyn Peer) -> Option<Work>, further: fn() -> Vec<Contestant>| {
        let contestants = || {
            let mut contestants = Contestant::libraries(show);
            contestants.extend(further());
            contestants
        };
        run.race((key, title), threads, contestants, done);
    };
    let [all, one] = [&SWEEP[..], &SWEEP[..1]];
    row("inc", "counter inc", all, |peer| peer.inc(), limits::inc);
    row("inc_by", "counter inc_by(0.5)", all, |peer| peer.inc_half(), limits::inc_half);
    row("observe", "histogram observe, 11 buckets", all, |peer| peer.observe(), limits::observe);
    row("guard", "in-flight guard", one, |peer| peer.in_flight(), limits::in_flight);
    row("timing", "timing an empty body", one, |peer| peer.time_nothing(), limits::time_nothing);
    let further = || stacked(STACKED[0]);
    row("attribute", "attribute on an empty fn", one, |peer| peer.attribute(), further);
    let further = || stacked(STACKED[1]);
    row("attribute_async", "attribute on an empty async fn", one, |peer| peer.async_attribute(), further);
}

fn stacked(work: fn() -> Work) -> Vec<Contestant> {
    let mut further = limits::attribute();
    further.push(Contestant::new("pytheus, two attributes", Kind::Aside, work()));
    further
}
