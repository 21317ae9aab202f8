//! What of the numbers of a process that has ended a server does not have.

use crate::backends::custom::{Aggregation, FamilyKey, GaugeAggregate};
use crate::backends::redis::schema;
use crate::backends::redis::write::numbered_batch::{self, FieldOp};
use crate::model::number::Number;
use crate::storage::ExactSum;

/// Two sums of the same numbers differ by less than this share of them, whichever way they were rounded.
const ROUNDING: f64 = 1e-12;

/// Builds the ops that send a server the rest of a series, of which it had so much; none where it has all.
pub(crate) fn ops(family: &FamilyKey, series: &str, totals: &[Number], had: Option<&[Number]>) -> Vec<FieldOp> {
    let mut ops = Vec::new();
    match totals {
        [value, set_at] if family.aggregation() == Aggregation::MostRecent => {
            // A value that the server had may have been removed since.
            if !had.is_some_and(|had| is_same(had, totals)) {
                numbered_batch::set_latest(family, series, &[*value], set_at.as_count(), &mut ops);
            }
        }
        totals => {
            let rest = rest(totals, had);
            if rest.iter().any(|part| *part != Number::Int(0)) {
                numbered_batch::add(family, series, &rest, &mut ops);
            }
        }
    }
    ops
}

/// Of two values, each with the time at which it was set, the later one.
pub(crate) fn later(one: &[Number], other: &[Number]) -> Vec<Number> {
    let mut latest = GaugeAggregate::new(Aggregation::MostRecent);
    for number in [one, other] {
        if let [value, set_at] = number {
            latest.add(value.as_f64(), set_at.as_count());
        }
    }
    latest.value().map_or_else(Vec::new, |value| vec![value.into(), latest.set_at().into()])
}

fn is_same(one: &[Number], other: &[Number]) -> bool {
    // NaN is the same as NaN here.
    one.iter().map(|part| schema::number_text(*part)).eq(other.iter().map(|part| schema::number_text(*part)))
}

/// What of these numbers is not there yet.
fn rest(totals: &[Number], had: Option<&[Number]>) -> Vec<Number> {
    let Some(had) = had.filter(|had| had.len() == totals.len()) else { return totals.to_vec() };
    // The sum of observations may well be less.
    let counts = if totals.len() == 1 { 1 } else { totals.len() - 1 };
    if totals.iter().zip(had).take(counts).any(|(total, had)| is_less(*total, *had)) {
        // Removed, and begun anew.
        return totals.to_vec();
    }
    let part = |(part, (total, had)): (usize, (&Number, &Number))| match (*total, *had) {
        (Number::Int(total), Number::Int(had)) => Number::Int(total.wrapping_sub(had)),
        (total, had) => {
            let rest = difference(total.as_f64(), had.as_f64());
            // What is counted does not become less: it was rounded.
            if rest == 0.0 || part < counts && rest < 0.0 { Number::Int(0) } else { Number::Float(rest) }
        }
    };
    totals.iter().zip(had).enumerate().map(part).collect()
}

fn is_less(total: Number, had: Number) -> bool {
    match (total, had) {
        (Number::Int(total), Number::Int(had)) => total < had,
        (total, had) => had.as_f64() - total.as_f64() > had.as_f64() * ROUNDING,
    }
}

/// What brings a sum to this total that is `had`; of one that is not finite, what makes it the same.
fn difference(total: f64, had: f64) -> f64 {
    if had.is_finite() {
        let mut rest = ExactSum::ZERO;
        rest += total;
        rest += -had;
        rest.value()
    } else if total.to_bits() == had.to_bits() || had.is_nan() {
        0.0
    } else {
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(number: f64) -> Number {
        Number::Float(number)
    }

    #[track_caller]
    fn assert_rest(totals: &[Number], had: &[Number], expected: &[Number]) {
        assert_eq!(format!("{:?}", rest(totals, Some(had))), format!("{expected:?}"), "{totals:?} - {had:?}");
    }

    #[test]
    fn what_was_told_is_not_told_again_however_it_was_rounded() {
        assert_rest(&[7_u64.into()], &[5_u64.into()], &[2_u64.into()]);
        assert_rest(&[float(7.5)], &[5_u64.into()], &[float(2.5)]);
        let total = 3.3_f64;
        assert_rest(&[float(total)], &[float(total.next_up())], &[0_u64.into()]);
        assert_rest(&[float(total.next_up())], &[float(total)], &[float(total.next_up() - total)]);
        // Removed, and begun anew.
        assert_rest(&[float(1.5)], &[float(2.0)], &[float(1.5)]);
        assert_rest(&[1_u64.into(), float(9.0)], &[2_u64.into(), float(3.0)], &[1_u64.into(), float(9.0)]);
        // Of observations.
        assert_rest(&[2_u64.into(), float(1.0)], &[1_u64.into(), float(3.0)], &[1_u64.into(), float(-2.0)]);
    }

    #[test]
    fn of_what_is_not_finite_nothing_is_left() {
        let (one, infinite) = (1_u64.into(), f64::INFINITY);
        for same in [infinite, -infinite, f64::NAN, -f64::NAN] {
            assert_rest(&[one, float(same)], &[one, float(same)], &[0_u64.into(), 0_u64.into()]);
        }
        assert_rest(&[one, float(infinite)], &[one, float(2.0)], &[0_u64.into(), float(infinite)]);
        assert_rest(&[one, float(f64::NAN)], &[one, float(infinite)], &[0_u64.into(), float(f64::NAN)]);
        assert_rest(&[one, float(2.0)], &[one, float(f64::NAN)], &[0_u64.into(), 0_u64.into()]);
        assert_rest(&[float(infinite)], &[float(infinite)], &[0_u64.into()]);
    }
}
