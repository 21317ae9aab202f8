//! How cost grows with the number of series: memory, look-ups, scrapes. One library after the other, since a million
//! series of everyone would not fit in memory.

use std::sync::{Arc, Barrier};
use std::thread;

use super::lookup::lookup;
use super::scrape::scrape;
use super::{Axis, Group, Run};
use crate::allocator::bytes_of;
use crate::peer::{Family, Values};
use crate::peers;
use crate::race::{Contestant, Figure, Kind, Pace};
use crate::values::{pairs, shuffled};

const HISTOGRAMS: usize = 1_000;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let bytes = |key, title| Group { unit: "bytes", ..Group::new(key, title, Axis::Series) };
    let mut memory = bytes("memory", "bytes per counter series, 2 labels, told with one thread");
    let mut further = bytes("memory_thread", "bytes more per counter series for a second thread that counts in it");
    let mut lookups = Group::new("growth_lookup", "look-up of 2 labels + inc, by series", Axis::Series);
    let mut scrapes = Group::new("growth_scrape", "text scrape of counters, per series", Axis::Series);
    for size in std::iter::successors(Some(10), |size| Some(size * 10)).take_while(|size| *size <= run.most) {
        let sets = pairs(size);
        let order = shuffled(&sets);
        let rounds = if size > 10_000 { 2 } else { run.pace.rounds.min(8) };
        let pace = Pace { rounds, ..run.pace };
        for (peer, kind) in with_kinds() {
            let Some(family) = peer.pairs(size) else { continue };
            let measure = |group: &mut Group, bytes| {
                group.add(&Contestant::new(peer.name(), kind, Box::new(|_| ())), size, per_series(bytes, size));
            };
            measure(&mut memory, bytes_of(|| family.update(&sets)).1);
            measure(&mut further, told_by_another_thread(&family, &sets));
            let race = |group: &mut Group, contestant: Contestant| {
                let figures = run.crew.race(pace, 1, std::slice::from_ref(&contestant));
                for figure in figures {
                    group.add(&contestant, size, figure);
                }
            };
            race(&mut lookups, Contestant::new(peer.name(), kind, lookup(Arc::clone(&family), &sets, order.clone())));
            race(&mut scrapes, Contestant::new(peer.name(), kind, scrape(family, &sets)).per(size));
        }
    }
    let mut histograms = bytes("memory_histogram", "bytes per histogram of 11 buckets, 2 labels");
    let sets = pairs(HISTOGRAMS);
    for (peer, kind) in with_kinds() {
        let Some(family) = peer.histograms(HISTOGRAMS) else { continue };
        let (contestant, bytes) =
            (Contestant::new(peer.name(), kind, Box::new(|_| ())), bytes_of(|| family.update(&sets)).1);
        histograms.add(&contestant, HISTOGRAMS, per_series(bytes, HISTOGRAMS));
    }
    for group in [memory, further, histograms, lookups, scrapes] {
        done(group);
    }
}

fn with_kinds() -> impl Iterator<Item = (&'static dyn crate::peer::Peer, Kind)> {
    peers::ALL.into_iter().zip(std::iter::once(Kind::Ours).chain(std::iter::repeat(Kind::Peer)))
}

fn per_series(bytes: isize, size: usize) -> Figure {
    let bytes = bytes as f64 / size as f64;
    Figure { median: bytes, min: bytes, disturbed: false }
}

fn told_by_another_thread(family: &Family<2>, sets: &[Values<2>]) -> isize {
    let [ready, begin, end] = [(); 3].map(|()| Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            ready.wait();
            begin.wait();
            family.update(sets);
            end.wait();
        });
        // What a thread takes for itself is not counted.
        ready.wait();
        bytes_of(|| {
            begin.wait();
            end.wait();
        })
        .1
    })
}
