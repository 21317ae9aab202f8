//! The text of a scrape.

use std::hint::black_box;
use std::sync::Mutex;

use super::{Axis, Group, Run};
use crate::limits;
use crate::peer::{Family, Values, Work, work};
use crate::race::Contestant;
use crate::values::{BUCKETS, pairs};

const COUNTERS: usize = 10_000;
const HISTOGRAMS: usize = 1_000;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let mut group =
        Group::new("scrape_counters", "text scrape of 10,000 counters with 2 labels, per series", Axis::Threads);
    let sets = pairs(COUNTERS);
    let mut contestants = Contestant::libraries(|peer| Some(scrape(peer.pairs(COUNTERS)?, &sets)));
    contestants.push(limits::scrape(prefixes(&sets, "requests_total", ""), 1));
    let contestants: Vec<_> = contestants.into_iter().map(|contestant| contestant.per(COUNTERS)).collect();
    run.race(&mut group, &[1], &contestants);
    done(group);
    drop(contestants);

    let mut group = Group::new("scrape_histograms", "text scrape of 1,000 histograms, each", Axis::Threads);
    let sets = pairs(HISTOGRAMS);
    let filled = |family: Family<2>| {
        // Something in each bucket of each.
        for rotation in 0..64 {
            let (first, last) = sets.split_at(rotation * 13 % HISTOGRAMS);
            family.update(last);
            family.update(first);
        }
        scrape(family, &sets)
    };
    let mut contestants = Contestant::libraries(|peer| Some(filled(peer.histograms(HISTOGRAMS)?)));
    // The buckets, `+Inf`, the sum and the count.
    contestants.push(limits::scrape(prefixes(&sets, "request_seconds_bucket", ",le=\"0.05\""), BUCKETS.len() + 3));
    let contestants: Vec<_> = contestants.into_iter().map(|contestant| contestant.per(HISTOGRAMS)).collect();
    run.race(&mut group, &[1], &contestants);
    done(group);
}

fn prefixes(sets: &[Values<2>], name: &str, further: &str) -> Vec<String> {
    sets.iter().map(|[route, status]| format!("{name}{{route=\"{route}\",status=\"{status}\"{further}}} ")).collect()
}

/// Scrapes of a family that has all of its series.
pub(super) fn scrape(family: Family<2>, sets: &[Values<2>]) -> Work {
    family.update(sets);
    let out = Mutex::new(String::new());
    let lines = {
        let mut out = out.lock().expect("nothing panics in it");
        family.scrape(&mut out);
        out.lines().filter(|line| !line.starts_with('#')).count()
    };
    assert!(lines >= sets.len(), "{lines} lines for {} series", sets.len());
    work(move || {
        let mut out = out.lock().expect("nothing panics in it");
        family.scrape(&mut out);
        black_box(&*out);
    })
}
