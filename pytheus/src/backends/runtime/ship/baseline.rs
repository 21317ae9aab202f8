//! The baseline: what was sent of a family, and the changes since.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::backends::api::{Aggregation, Change, FamilyKey, LocalFamily, SeriesKey};
use crate::model::descriptor::Kind;
use crate::model::number::Number;
use crate::storage::{ExactSum, SortedSeries};

/// The most series in one batch.
pub(super) const MAX_CHANGES: usize = 1_000;

/// The numbers of a family at one moment, and how far they were compared.
pub(super) struct Reading {
    family: Arc<FamilyKey>,
    series: Arc<SortedSeries>,
    parts: Vec<Number>,
    /// Of gauges: see [`LocalFamily::stamps`].
    stamps: Vec<u64>,
    place: usize,
}

impl Reading {
    /// Reads a family; `None` for one that no other process knows.
    pub(super) fn of(family: &dyn LocalFamily) -> Option<Self> {
        let key = family.key()?;
        let totals = family.stored();
        let mut parts = totals.parts().to_vec();
        // After the values: a value set in between is sent as it was, and its change the next time.
        let stamps = family.stamps(&totals, &mut parts);
        let series = Arc::clone(totals.own_series()?);
        Some(Self { family: key, series, parts, stamps, place: 0 })
    }

    pub(super) fn family(&self) -> &FamilyKey {
        &self.family
    }

    fn parts(&self, place: usize) -> &[Number] {
        let width = self.family.part_count();
        &self.parts[place * width..][..width]
    }

    fn stamp(&self, place: usize) -> u64 {
        self.stamps.get(place).copied().unwrap_or(0)
    }

    fn key(&self, place: usize) -> SeriesKey {
        let (head, text) = self.series[place].key();
        SeriesKey::from_parts(head, text)
    }
}

/// The totals of one family as sent to the backend.
///
/// Some words for each series, side by side, as this is what it costs in memory to send numbers away: first 0 while
/// nothing was told, else one more than the stamp; then the parts, whole numbers in one word, floats as the two of a
/// [`Sum`].
pub(super) struct SentBaseline {
    /// Gone once the family is dropped.
    family: Weak<dyn LocalFamily>,
    kind: Kind,
    aggregation: Aggregation,
    width: usize,
    series: Arc<SortedSeries>,
    words: Vec<u64>,
}

impl SentBaseline {
    /// Starts before anything was sent.
    pub(super) fn new(family: &Arc<dyn LocalFamily>, key: &FamilyKey) -> Self {
        Self {
            family: Arc::downgrade(family),
            kind: key.descriptor().kind(),
            aggregation: key.aggregation(),
            width: key.part_count(),
            series: Arc::default(),
            words: Vec::new(),
        }
    }

    /// Starts in a child process, where all numbers begin at zero, and whose parent has sent the series.
    pub(super) fn inherited(family: &Arc<dyn LocalFamily>, reading: &Reading) -> Self {
        let mut known = Self::new(family, &reading.family);
        known.realign(reading);
        for place in 0..reading.series.len() {
            known.row_of(place)[0] = 1;
        }
        known
    }

    /// Whether the family is still there.
    pub(super) fn is_needed(&self) -> bool {
        self.family.strong_count() > 0
    }

    /// Clears the row of a removed series.
    pub(super) fn clear(&mut self, family: &FamilyKey, series: &SeriesKey) {
        let labels = series.labels(family);
        let specs = &family.descriptor().labels;
        let found = self.series.binary_search_by(|known| {
            let (head, text) = known.key();
            crate::model::key::Labels::new(specs, head, text).compare(&labels)
        });
        if let Ok(place) = found {
            self.row_of(place).fill(0);
        }
    }

    /// Whether it is the baseline of the family with this key.
    pub(super) fn is_of(&self, family: &FamilyKey) -> bool {
        self.family.upgrade().and_then(|family| family.key()).is_some_and(|key| key.is_same_family(family))
    }

    /// Takes the changes from where the reading stands, to its end (true) or until there is no room for more parts.
    pub(super) fn take_changes(&mut self, reading: &mut Reading, room: &mut usize, out: &mut Vec<Change>) -> bool {
        if reading.place == 0 {
            self.realign(reading);
        }
        let mut deltas = Vec::with_capacity(self.width);
        while reading.place < reading.series.len() {
            if out.len() == MAX_CHANGES || *room < self.width && !out.is_empty() {
                return false;
            }
            let (place, stamp) = (reading.place, reading.stamp(reading.place));
            reading.place += 1;
            if stamp == Self::NOT_SENT {
                continue;
            }
            let totals = reading.parts(place);
            deltas.clear();
            let (kind, aggregation) = (self.kind, self.aggregation);
            if let Some(was_set) = diff(kind, aggregation, self.row_of(place), totals, stamp, &mut deltas) {
                *room = room.saturating_sub(self.width);
                out.push(Change {
                    family: Arc::clone(&reading.family),
                    series: reading.key(place),
                    deltas: deltas.clone(),
                    totals: totals.to_vec(),
                    was_set,
                    set_at: if aggregation.is_by_time() { stamp } else { 0 },
                });
            }
        }
        true
    }

    /// The stamp of a series whose numbers are not to be sent.
    pub(super) const NOT_SENT: u64 = u64::MAX;

    /// Returns the number of words of a row.
    fn row_len(&self) -> usize {
        1 + match self.kind {
            Kind::Counter => 3,
            Kind::Gauge => 2,
            Kind::Histogram | Kind::Summary => self.width + 1,
            Kind::Info | Kind::StateSet => 1,
        }
    }

    fn row_of(&mut self, place: usize) -> &mut [u64] {
        let row = self.row_len();
        &mut self.words[place * row..][..row]
    }

    /// Puts the rows into the order of the reading: without removed series, with new ones.
    fn realign(&mut self, reading: &Reading) {
        if Arc::ptr_eq(&self.series, &reading.series) {
            return;
        }
        let row = self.row_len();
        let former: HashMap<usize, usize> =
            self.series.iter().enumerate().map(|(place, series)| (series.address(), place)).collect();
        let mut words = Vec::with_capacity(reading.series.len() * row);
        for series in reading.series.iter() {
            // The baseline keeps a reference: an address is not used again meanwhile.
            match former.get(&series.address()) {
                Some(place) => words.extend_from_slice(&self.words[place * row..][..row]),
                None => words.resize(words.len() + row, 0),
            }
        }
        (self.series, self.words) = (Arc::clone(&reading.series), words);
    }
}

/// Updates a row to these totals, and adds the deltas. Returns whether the value was set, or `None` when there is nothing
/// to send.
fn diff(
    kind: Kind,
    aggregation: Aggregation,
    words: &mut [u64],
    totals: &[Number],
    stamp: u64,
    deltas: &mut Vec<Number>,
) -> Option<bool> {
    let [sent, words @ ..] = words else { return None };
    let (is_new, was_set) = (*sent == 0, *sent != stamp.wrapping_add(1) && (*sent != 0 || stamp != 0));
    let changed = match (kind, totals) {
        (Kind::Counter, [total]) => {
            let [whole, high, low] = words else { return None };
            deltas.push(match *total {
                Number::Int(total) if *high == 0 => {
                    let delta = total.wrapping_sub(*whole);
                    *whole = total;
                    Number::Int(delta)
                }
                total => {
                    // The first fraction of a counter.
                    if *whole != 0 {
                        (*high, *low) = ((std::mem::take(whole) as f64).to_bits(), 0);
                    }
                    Number::Float(exact_delta(high, low, total.as_f64()))
                }
            });
            !is_zero(deltas)
        }
        (Kind::Gauge, [total]) => {
            let [high, low] = words else { return None };
            let (total, before) = (total.as_f64(), f64::from_bits(*high));
            let untouched = total.to_bits() == 0 && stamp == 0;
            let starts_at_zero = aggregation.starts_at_zero();
            if !starts_at_zero && untouched && is_new || starts_at_zero && total.is_nan() && !was_set {
                // Never set in this process; or it could not be read.
                return None;
            }
            deltas.push(Number::Float(exact_delta(high, low, total)));
            was_set || total.to_bits() != before.to_bits() && !is_zero(deltas)
        }
        (Kind::Histogram | Kind::Summary, [counts @ .., sum]) => {
            let (known, [high, low]) = words.split_last_chunk_mut::<2>()?;
            for (known, count) in known.iter_mut().zip(counts) {
                let count = count.as_count();
                deltas.push(Number::Int(count.wrapping_sub(*known)));
                *known = count;
            }
            deltas.push(Number::Float(exact_delta(high, low, sum.as_f64())));
            !is_zero(deltas)
        }
        (Kind::Info | Kind::StateSet, totals) => {
            let [known] = words else { return None };
            let now = flags(totals);
            let before = std::mem::replace(known, now);
            deltas.extend((0..totals.len()).map(|flag| match (before >> flag & 1, now >> flag & 1) {
                (1, 0) => Number::Float(-1.0),
                (before, now) => Number::Int(now - before),
            }));
            before != now
        }
        _ => return None,
    };
    *sent = stamp.wrapping_add(1);
    let is_set = aggregation == Aggregation::Shared && if kind == Kind::StateSet { changed } else { was_set };
    // A new series is sent although it is at zero: it shows.
    (changed || is_new).then_some(is_set)
}

/// Updates a sum to this total, and returns the difference: all differences, added up without rounding, are the total.
fn exact_delta(high: &mut u64, low: &mut u64, total: f64) -> f64 {
    let mut known = ExactSum::ZERO;
    known += f64::from_bits(*high);
    known += f64::from_bits(*low);
    let before = known.value();
    #[allow(clippy::float_cmp, reason = "equality is what is asked for")]
    if before == total || before.is_nan() && total.is_nan() {
        return 0.0;
    }
    let mut delta = ExactSum::ZERO;
    delta += total;
    delta -= known;
    let delta = delta.value();
    if delta.is_finite() {
        known += delta;
    } else {
        known = ExactSum::ZERO;
        known += total;
    }
    let (new_high, new_low) = known.parts();
    (*high, *low) = (new_high.to_bits(), new_low.to_bits());
    delta
}

fn flags(parts: &[Number]) -> u64 {
    parts.iter().enumerate().fold(0, |flags, (flag, part)| flags | (part.as_count() & 1) << flag)
}

fn is_zero(deltas: &[Number]) -> bool {
    deltas.iter().all(|delta| *delta == Number::Int(0))
}
