//! A numbered batch: operations on fields, grouped by family, with a sequence number per writer and partition.

use std::sync::Arc;

use crate::backends::custom::{Aggregation, Change, FamilyKey};
use crate::backends::redis::schema;
use crate::backends::redis::write::journal::JournalEntry;
use crate::model::descriptor::Kind;
use crate::model::number::Number;

/// The operation on a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpCode {
    /// Adds a whole number.
    Add,
    AddFloat,
    Set,
    /// Sets a field that does not exist yet.
    SetNew,
    /// Sets a value unless a later one is there.
    SetLatest,
    Remove,
}

impl OpCode {
    /// Returns the word that `apply.lua` knows it by.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Add => "i",
            Self::AddFloat => "f",
            Self::Set => "s",
            Self::SetNew => "x",
            Self::SetLatest => "m",
            Self::Remove => "d",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct FieldOp {
    pub(crate) code: OpCode,
    pub(crate) field: String,
    pub(crate) amount: String,
}

/// The operations on one family.
#[derive(Debug, Clone)]
pub(crate) struct FamilyOps {
    pub(crate) family: Arc<str>,
    pub(crate) is_removal: bool,
    pub(crate) ops: Vec<FieldOp>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct NumberedBatch {
    pub(crate) seq: u64,
    /// It was sent, and its outcome is unknown.
    pub(crate) maybe_applied: bool,
    pub(crate) families: Vec<FamilyOps>,
    /// The totals of its series, until they are in the journal.
    pub(crate) entries: Vec<JournalEntry>,
}

impl NumberedBatch {
    pub(crate) fn op_count(&self) -> usize {
        self.families.iter().map(|family| family.ops.len()).sum()
    }

    /// Returns the operations of a family, to be extended. Changes come family by family.
    pub(crate) fn family_ops(&mut self, family: &Arc<str>, is_removal: bool) -> &mut Vec<FieldOp> {
        let is_last = self.families.last().is_some_and(|last| last.family == *family && last.is_removal == is_removal);
        if !is_last {
            self.families.push(FamilyOps { family: Arc::clone(family), is_removal, ops: Vec::new() });
        }
        let last = self.families.len() - 1;
        &mut self.families[last].ops
    }
}

/// Appends the operations of a change to fields that all processes write.
pub(crate) fn push_change(change: &Change, out: &mut Vec<FieldOp>) {
    let series = schema::series_text(&change.family, &change.series);
    if change.family.aggregation() == Aggregation::MostRecent {
        push_set_latest(&change.family, &series, &change.totals, change.set_at, out);
    } else if change.was_set {
        push_set(&change.family, &series, &change.totals, OpCode::Set, out);
    } else {
        push_add(&change.family, &series, &change.deltas, out);
    }
}

pub(crate) fn push_set(family: &FamilyKey, series: &str, totals: &[Number], code: OpCode, out: &mut Vec<FieldOp>) {
    for (part, total) in totals.iter().enumerate() {
        let field = schema::part_name(family, part) + series;
        out.push(FieldOp { code, field, amount: schema::number_text(*total) });
    }
}

/// Appends the value that was set last. This operation is idempotent and commutative.
pub(crate) fn push_set_latest(
    family: &FamilyKey,
    series: &str,
    totals: &[Number],
    set_at: u64,
    out: &mut Vec<FieldOp>,
) {
    out.extend(totals.first().map(|value| FieldOp {
        code: OpCode::SetLatest,
        field: schema::part_name(family, 0) + series,
        amount: schema::value_text(*value, set_at),
    }));
}

pub(crate) fn push_add(family: &FamilyKey, series: &str, amounts: &[Number], out: &mut Vec<FieldOp>) {
    let before = out.len();
    let kind = family.descriptor().kind();
    for (part, amount) in amounts.iter().enumerate().filter(|(_, amount)| **amount != Number::Int(0)) {
        let name = schema::part_name(family, part);
        let (code, name, amount) = match *amount {
            // Signed, for HINCRBY: counts go on in two's complement.
            Number::Int(whole) if kind != Kind::Gauge && name != "s" => {
                (OpCode::Add, name, whole.cast_signed().to_string())
            }
            #[allow(clippy::cast_possible_truncation, reason = "a flag goes up or down by one")]
            Number::Float(flag) if matches!(kind, Kind::Info | Kind::StateSet) => {
                (OpCode::Add, name, (flag as i64).to_string())
            }
            other if kind == Kind::Counter => (OpCode::AddFloat, "f".to_owned(), schema::number_text(other)),
            other => (OpCode::AddFloat, name, schema::number_text(other)),
        };
        out.push(FieldOp { code, field: name + series, amount });
    }
    if out.len() == before {
        // The series begins, and shows at zero.
        let code = if kind == Kind::Gauge { OpCode::SetNew } else { OpCode::Add };
        out.push(FieldOp { code, field: schema::part_name(family, 0) + series, amount: "0".to_owned() });
    }
}
