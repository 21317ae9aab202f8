//! The unsent remainder of a crashed process: its totals less those that the server has.

use crate::backends::custom::{Aggregation, FamilyKey, GaugeAggregate};
use crate::backends::redis::schema;
use crate::backends::redis::write::numbered_batch::{self, FieldOp};
use crate::model::number::Number;
use crate::storage::ExactSum;

/// The relative difference of two sums of the same numbers, rounded in different orders.
const ROUNDING: f64 = 1e-12;

/// Returns the operations for the unsent part of a series; none if the server has all.
pub(crate) fn unsent_ops(
    family: &FamilyKey,
    series: &str,
    totals: &[Number],
    applied: Option<&[Number]>,
) -> Vec<FieldOp> {
    let mut ops = Vec::new();
    match totals {
        [value, set_at] if family.aggregation() == Aggregation::MostRecent => {
            // Applied values may have been removed since, and stay so.
            if !applied.is_some_and(|applied| is_same(applied, totals)) {
                numbered_batch::push_set_latest(family, series, &[*value], set_at.as_count(), &mut ops);
            }
        }
        totals => {
            let unsent = unsent(totals, applied);
            if unsent.iter().any(|part| *part != Number::Int(0)) {
                numbered_batch::push_add(family, series, &unsent, &mut ops);
            }
        }
    }
    ops
}

/// Returns the later of two values, each with the time when it was set.
pub(crate) fn later_value(one: &[Number], other: &[Number]) -> Vec<Number> {
    let mut latest = GaugeAggregate::new(Aggregation::MostRecent);
    for number in [one, other] {
        if let [value, set_at] = number {
            latest.add(value.as_f64(), set_at.as_count());
        }
    }
    latest.value().map_or_else(Vec::new, |value| vec![value.into(), latest.set_at().into()])
}

fn is_same(one: &[Number], other: &[Number]) -> bool {
    // As texts: NaN equals NaN.
    one.iter().map(|part| schema::number_text(*part)).eq(other.iter().map(|part| schema::number_text(*part)))
}

/// Returns totals less those applied.
fn unsent(totals: &[Number], applied: Option<&[Number]>) -> Vec<Number> {
    let Some(applied) = applied.filter(|applied| applied.len() == totals.len()) else { return totals.to_vec() };
    // A sum of observations may decrease; counts never do.
    let counts = if totals.len() == 1 { 1 } else { totals.len() - 1 };
    if totals.iter().zip(applied).take(counts).any(|(total, applied)| is_less(*total, *applied)) {
        // The series was removed, and has begun again.
        return totals.to_vec();
    }
    let part = |(part, (total, applied)): (usize, (&Number, &Number))| match (*total, *applied) {
        (Number::Int(total), Number::Int(applied)) => Number::Int(total.wrapping_sub(applied)),
        (total, applied) => {
            let unsent = difference(total.as_f64(), applied.as_f64());
            // A negative difference of counts comes from rounding.
            if unsent == 0.0 || part < counts && unsent < 0.0 { Number::Int(0) } else { Number::Float(unsent) }
        }
    };
    totals.iter().zip(applied).enumerate().map(part).collect()
}

fn is_less(total: Number, applied: Number) -> bool {
    match (total, applied) {
        (Number::Int(total), Number::Int(applied)) => total < applied,
        (total, applied) => applied.as_f64() - total.as_f64() > applied.as_f64() * ROUNDING,
    }
}

/// Returns the amount that brings an applied sum to a total; also where one of them is not finite.
fn difference(total: f64, applied: f64) -> f64 {
    if applied.is_finite() {
        let mut difference = ExactSum::ZERO;
        difference += total;
        difference += -applied;
        difference.value()
    } else if total.to_bits() == applied.to_bits() || applied.is_nan() {
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
    fn assert_unsent(totals: &[Number], applied: &[Number], expected: &[Number]) {
        assert_eq!(format!("{:?}", unsent(totals, Some(applied))), format!("{expected:?}"), "{totals:?} - {applied:?}");
    }

    #[test]
    fn applied_counts_are_not_resent_whatever_their_rounding() {
        assert_unsent(&[7_u64.into()], &[5_u64.into()], &[2_u64.into()]);
        assert_unsent(&[float(7.5)], &[5_u64.into()], &[float(2.5)]);
        let total = 3.3_f64;
        assert_unsent(&[float(total)], &[float(total.next_up())], &[0_u64.into()]);
        assert_unsent(&[float(total.next_up())], &[float(total)], &[float(total.next_up() - total)]);
        // The series was removed, and has begun again.
        assert_unsent(&[float(1.5)], &[float(2.0)], &[float(1.5)]);
        assert_unsent(&[1_u64.into(), float(9.0)], &[2_u64.into(), float(3.0)], &[1_u64.into(), float(9.0)]);
        // Observations.
        assert_unsent(&[2_u64.into(), float(1.0)], &[1_u64.into(), float(3.0)], &[1_u64.into(), float(-2.0)]);
    }

    #[test]
    fn equal_totals_that_are_not_finite_leave_nothing_unsent() {
        let (one, infinite) = (1_u64.into(), f64::INFINITY);
        for same in [infinite, -infinite, f64::NAN, -f64::NAN] {
            assert_unsent(&[one, float(same)], &[one, float(same)], &[0_u64.into(), 0_u64.into()]);
        }
        assert_unsent(&[one, float(infinite)], &[one, float(2.0)], &[0_u64.into(), float(infinite)]);
        assert_unsent(&[one, float(f64::NAN)], &[one, float(infinite)], &[0_u64.into(), float(f64::NAN)]);
        assert_unsent(&[one, float(2.0)], &[one, float(f64::NAN)], &[0_u64.into(), 0_u64.into()]);
        assert_unsent(&[float(infinite)], &[float(infinite)], &[0_u64.into()]);
    }
}
