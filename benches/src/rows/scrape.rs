//! The text of a scrape.

use std::hint::black_box;
use std::sync::Mutex;

use super::{Group, Run};
use crate::limits;
use crate::peer::{Family, Values, Work, work};
use crate::race::Contestant;
use crate::values::{BUCKETS, pairs};

const COUNTERS: usize = 10_000;
const HISTOGRAMS: usize = 1_000;

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let key = ("scrape_counters", "text scrape of 10,000 counters with 2 labels, per series");
    let contestants = || {
        let sets = pairs(COUNTERS);
        let mut contestants = Contestant::libraries(|peer| Some(scrape(peer.pairs(COUNTERS)?, &sets)));
        contestants.push(limits::scrape(prefixes(&sets, "requests_total", ""), 1));
        contestants.into_iter().map(|contestant| contestant.per(COUNTERS)).collect()
    };
    run.race(key, &[1], contestants, done);

    let key = ("scrape_histograms", "text scrape of 1,000 histograms, each");
    let contestants = || {
        let sets = pairs(HISTOGRAMS);
        let mut contestants =
            Contestant::libraries(|peer| Some(scrape(filled(peer.histograms(HISTOGRAMS)?, &sets), &sets)));
        // The buckets, `+Inf`, the sum and the count.
        contestants.push(limits::scrape(prefixes(&sets, "request_seconds_bucket", ",le=\"0.05\""), BUCKETS.len() + 3));
        contestants.into_iter().map(|contestant| contestant.per(HISTOGRAMS)).collect()
    };
    run.race(key, &[1], contestants, done);
}

/// With something in each bucket of each histogram.
fn filled(family: Family<2>, sets: &[Values<2>]) -> Family<2> {
    for rotation in 0..64 {
        let (first, last) = sets.split_at(rotation * 13 % sets.len());
        family.update(last);
        family.update(first);
    }
    family
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
