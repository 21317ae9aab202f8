//! A scrape in each format.

use std::hint::black_box;
use std::sync::Mutex;

use super::{Group, Run};
use crate::limits;
use crate::peer::{Family, Format, Peer, Values, Work, work};
use crate::peers;
use crate::race::{Contestant, Kind};
use crate::values::{BUCKETS, pairs, single_names};

const COUNTERS: usize = 10_000;
const HISTOGRAMS: usize = 1_000;
const SINGLES: usize = 1_000;

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

    let key = ("scrape_singles", "text scrape of 1,000 counters without labels, each a family");
    let contestants = || {
        let mut contestants = Contestant::libraries(|peer| Some(scrape(peer.singles(SINGLES)?, &[[]])));
        let prefixes =
            single_names(SINGLES).map(|name| format!("# HELP {name} A family.\n# TYPE {name} counter\n{name} "));
        contestants.push(limits::scrape(prefixes.collect(), 1));
        contestants.into_iter().map(|contestant| contestant.per(SINGLES)).collect()
    };
    run.race(key, &[1], contestants, done);

    for (format, [counters, histograms, singles]) in FORMATS {
        let contestants = || exposed(*format, COUNTERS, &pairs(COUNTERS), |peer| peer.pairs(COUNTERS));
        run.race(*counters, &[1], contestants, done);
        let sets = pairs(HISTOGRAMS);
        let family = |peer: &dyn Peer| Some(filled(peer.histograms(HISTOGRAMS)?, &sets));
        run.race(*histograms, &[1], || exposed(*format, HISTOGRAMS, &sets, family), done);
        run.race(*singles, &[1], || exposed(*format, SINGLES, &[[]], |peer| peer.singles(SINGLES)), done);
    }
}

/// The further formats, each with its rows.
const FORMATS: &[(Format, [(&str, &str); 3])] = &[
    (
        Format::OpenMetrics,
        [
            ("openmetrics_counters", "OpenMetrics scrape of 10,000 counters with 2 labels, per series"),
            ("openmetrics_histograms", "OpenMetrics scrape of 1,000 histograms, each"),
            ("openmetrics_singles", "OpenMetrics scrape of 1,000 counters without labels, each a family"),
        ],
    ),
    #[cfg(feature = "protobuf")]
    (
        Format::Protobuf,
        [
            ("protobuf_counters", "protobuf scrape of 10,000 counters with 2 labels, per series"),
            ("protobuf_histograms", "protobuf scrape of 1,000 histograms, each"),
            ("protobuf_singles", "protobuf scrape of 1,000 counters without labels, each a family"),
        ],
    ),
];

/// The libraries that have a format, and the text of this one in place of a limit.
fn exposed<const N: usize>(
    format: Format,
    count: usize,
    sets: &[Values<N>],
    family: impl Fn(&dyn Peer) -> Option<Family<N>>,
) -> Vec<Contestant> {
    let mut contestants = Contestant::libraries(|peer| expose(family(peer)?, format, sets));
    if let Some(text) = family(peers::OURS) {
        contestants.push(Contestant::new("limit: pytheus, text", Kind::Limit, scrape(text, sets)));
    }
    contestants.into_iter().map(|contestant| contestant.per(count)).collect()
}

/// Scrapes in a format, of a family that has all of its series.
fn expose<const N: usize>(family: Family<N>, format: Format, sets: &[Values<N>]) -> Option<Work> {
    family.update(sets);
    let mut out = Vec::new();
    if !family.expose(format, &mut out) {
        return None;
    }
    assert!(out.len() >= sets.len(), "{} bytes for {} series", out.len(), sets.len());
    let out = Mutex::new(out);
    Some(work(move || {
        let mut out = out.lock().expect("nothing panics in it");
        black_box(family.expose(format, &mut out));
        black_box(&*out);
    }))
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
pub(super) fn scrape<const N: usize>(family: Family<N>, sets: &[Values<N>]) -> Work {
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
        family.show(&mut out, &mut |body| {
            black_box(body);
        });
    })
}
