//! Finding a series by its label values, and counting once in it.

use super::{Group, Run, in_order};
use crate::limits;
use crate::peer::{Family, Values, Work};
use crate::peers::CLOSED_LABELS;
use crate::race::{Contestant, Kind};
use crate::values::{Random, pairs, shuffled, triples};

const FEW: usize = 20;
const MANY: usize = 20_000;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let sets = pairs(FEW);
    let mut random = Random(7);
    let order: Vec<_> = (0..1024).map(|_| sets[random.below(FEW as u64) as usize]).collect();
    let key = ("lookup_20", "look-up of 2 &str labels + inc, 20 series");
    let contestants = || {
        let mut contestants = Contestant::libraries(|peer| Some(lookup(peer.pairs(FEW)?, &sets, order.clone())));
        contestants.push(limits::lookup(&sets, order.clone()));
        contestants.push(Contestant::new("pytheus, labels as enums", Kind::Aside, CLOSED_LABELS()));
        contestants
    };
    run.race(key, &[1, 2, 4, 8], contestants, done);

    let key = ("lookup_20_static", "the same, for peers with keys of &'static str");
    let contestants = || {
        let mut contestants = Contestant::libraries(|peer| Some(lookup(peer.static_pairs(FEW)?, &sets, order.clone())));
        contestants.push(limits::lookup(&sets, order.clone()));
        contestants
    };
    run.race(key, &[1, 2], contestants, done);

    let key = ("lookup_20000", "look-up of 3 &str labels + inc, 20,000 series");
    let contestants = || {
        let sets = triples(MANY);
        let order = shuffled(&sets);
        let mut contestants = Contestant::libraries(|peer| Some(lookup(peer.triples(MANY)?, &sets, order.clone())));
        contestants.push(limits::lookup(&sets, order));
        contestants
    };
    run.race(key, &[1, 2], contestants, done);
}

/// Look-ups in a family that has all of its series.
pub(super) fn lookup<const N: usize>(family: Family<N>, sets: &[Values<N>], order: Vec<Values<N>>) -> Work {
    family.update(sets);
    in_order(order, move |sets| family.update(sets))
}
