//! What is sent to a shard: ops, grouped by family, under a number.

use std::sync::Arc;

use redis::{FromRedisValue as _, Value};

use crate::backends::custom::{Aggregation, Change, FamilyKey};
use crate::backends::redis::schema;
use crate::model::descriptor::Kind;
use crate::model::number::Number;

/// What is to be done to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpCode {
    /// Add a whole number.
    Add,
    /// Add any number.
    AddFloat,
    Set,
    /// Set, unless there is something.
    SetNew,
    /// Set, unless something was set later.
    SetLatest,
    Remove,
}

impl OpCode {
    fn code(self) -> &'static [u8] {
        match self {
            Self::Add => b"i",
            Self::AddFloat => b"f",
            Self::Set => b"s",
            Self::SetNew => b"x",
            Self::SetLatest => b"m",
            Self::Remove => b"d",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct FieldOp {
    pub(crate) code: OpCode,
    pub(crate) field: String,
    pub(crate) amount: String,
}

/// The ops in one family.
#[derive(Debug, Clone)]
pub(crate) struct FamilyOps {
    pub(crate) family: Arc<str>,
    pub(crate) removes: bool,
    pub(crate) ops: Vec<FieldOp>,
}

/// What is sent at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct NumberedBatch {
    pub(crate) number: u64,
    /// Was it sent, and nothing heard of it?
    pub(crate) in_doubt: bool,
    pub(crate) families: Vec<FamilyOps>,
}

impl NumberedBatch {
    pub(crate) fn ops(&self) -> usize {
        self.families.iter().map(|group| group.ops.len()).sum()
    }

    /// The ops of this family.
    pub(crate) fn group(&mut self, family: &Arc<str>, removes: bool) -> &mut Vec<FieldOp> {
        // Changes come family by family.
        let is_last = self.families.last().is_some_and(|last| last.family == *family && last.removes == removes);
        if !is_last {
            self.families.push(FamilyOps { family: Arc::clone(family), removes, ops: Vec::new() });
        }
        let last = self.families.len() - 1;
        &mut self.families[last].ops
    }
}

/// What a change comes to, where all write to the same.
pub(crate) fn ops_of(change: &Change, out: &mut Vec<FieldOp>) {
    let series = schema::series_text(&change.family, &change.series);
    if change.family.aggregation() == Aggregation::MostRecent {
        set_latest(&change.family, &series, &change.totals, change.set_at, out);
    } else if change.was_set {
        set(&change.family, &series, &change.totals, OpCode::Set, out);
    } else {
        add(&change.family, &series, &change.deltas, out);
    }
}

pub(crate) fn set(family: &FamilyKey, series: &str, totals: &[Number], code: OpCode, out: &mut Vec<FieldOp>) {
    for (part, total) in totals.iter().enumerate() {
        let field = schema::part_name(family, part) + series;
        out.push(FieldOp { code, field, amount: schema::number_text(*total) });
    }
}

/// The value that was set last, whoever has set it. It may be told any number of times, in any order.
pub(crate) fn set_latest(family: &FamilyKey, series: &str, totals: &[Number], set_at: u64, out: &mut Vec<FieldOp>) {
    out.extend(totals.first().map(|value| FieldOp {
        code: OpCode::SetLatest,
        field: schema::part_name(family, 0) + series,
        amount: schema::value_text(*value, set_at),
    }));
}

pub(crate) fn add(family: &FamilyKey, series: &str, amounts: &[Number], out: &mut Vec<FieldOp>) {
    let before = out.len();
    let kind = family.descriptor().kind();
    for (part, amount) in amounts.iter().enumerate() {
        if *amount == Number::Int(0) {
            continue;
        }
        let name = schema::part_name(family, part);
        let (code, name, amount) = match *amount {
            // As Redis has it: it begins anew after the greatest.
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
        // It shows at zero.
        let code = if kind == Kind::Gauge { OpCode::SetNew } else { OpCode::Add };
        out.push(FieldOp { code, field: schema::part_name(family, 0) + series, amount: "0".to_owned() });
    }
}

/// What is known of a family, for the script.
pub(crate) struct Header<'a> {
    pub(crate) family: &'a str,
    /// Where it is not known to be there.
    pub(crate) schema: &'a str,
    /// When this writer began it, in µs since 1970; empty: now.
    pub(crate) begun: &'a str,
    /// The one that was added to before.
    pub(crate) incarnation: &'a str,
    /// Counted from 1.
    pub(crate) key: usize,
    pub(crate) mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Hash,
    Own,
    Removal,
}

/// Keys and arguments of the script.
#[derive(Default)]
pub(crate) struct Request {
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Request {
    pub(crate) fn new<'a>(
        keys: impl IntoIterator<Item = &'a str>,
        arguments: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            keys: keys.into_iter().map(|key| key.as_bytes().to_vec()).collect(),
            arguments: arguments.into_iter().map(String::into_bytes).collect(),
        }
    }

    /// Another key, and its place.
    pub(crate) fn key(&mut self, key: String) -> usize {
        self.keys.push(key.into_bytes());
        self.keys.len()
    }

    pub(crate) fn group(&mut self, header: &Header<'_>, ops: &[FieldOp]) {
        let mode = match header.mode {
            Mode::Hash => "h",
            Mode::Own => "o",
            Mode::Removal => "r",
        };
        let head = [header.family, header.schema, header.incarnation, &header.key.to_string(), mode, header.begun];
        self.arguments.extend(head.map(|text| text.as_bytes().to_vec()));
        self.arguments.push(ops.len().to_string().into_bytes());
        for op in ops {
            self.arguments.push(op.code.code().to_vec());
            self.arguments.push(op.field.as_bytes().to_vec());
            self.arguments.push(op.amount.as_bytes().to_vec());
        }
    }

    /// Everything, and how much of it are keys.
    pub(crate) fn finish(mut self) -> (Vec<Vec<u8>>, usize) {
        let keys = self.keys.len();
        self.keys.append(&mut self.arguments);
        (self.keys, keys)
    }
}

/// What the script says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Done(Done),
    /// Something is gone that was there.
    Lost,
    /// The namespace was laid out in another way.
    Layout(String),
    /// A key is of another type.
    Type(String, String),
    /// A field of a key holds something that nothing can be added to.
    Value(String, String, String),
}

/// An batch is applied.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// It had been before: nobody has heard of that.
    pub(crate) again: bool,
    /// The incarnations of families that had none known; empty where such a hash is gone since.
    pub(crate) incarnations: Vec<(String, String)>,
    /// When families were begun that were declared with it, in µs since 1970.
    pub(crate) begun: Vec<(String, u64)>,
}

impl Reply {
    /// The reply and the time at the server, in ms since 1970.
    pub(crate) fn parse(value: Value) -> Option<(Self, u64)> {
        let Value::Array(parts) = value else { return None };
        let mut parts = parts.into_iter();
        let mut text = || String::from_redis_value(parts.next()?).ok();
        let (word, now) = (text()?, text()?.parse().ok()?);
        let reply = match word.as_str() {
            "lost" => Self::Lost,
            "layout" => Self::Layout(text()?),
            "type" => Self::Type(text()?, text()?),
            "value" => Self::Value(text()?, text()?, text()?),
            "done" | "again" => {
                let mut pairs = || {
                    let flat: Vec<String> = Vec::from_redis_value(parts.next()?).ok()?;
                    Some(flat.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<Vec<_>>())
                };
                let (incarnations, begun) = (pairs()?, pairs()?);
                let time = |(family, time): (String, String)| Some((family, time.parse().ok()?));
                let begun = begun.into_iter().map(time).collect::<Option<_>>()?;
                Self::Done(Done { again: word == "again", incarnations, begun })
            }
            _ => return None,
        };
        Some((reply, now))
    }
}

/// Whether a spool keeps what a process has counted there: it outlives the process, and is told once, or any number of times.
pub(crate) fn is_noted(family: &FamilyKey) -> bool {
    matches!(family.aggregation(), Aggregation::Add | Aggregation::MostRecent)
}

/// The entry of a series in the notes of a spool: its parts, or the most recent value and the time at which it was set.
pub(crate) fn noted(family: &FamilyKey, totals: &[Number], set_at: u64) -> Vec<Number> {
    let time = (family.aggregation() == Aggregation::MostRecent).then_some(Number::Int(set_at));
    totals.iter().copied().chain(time).collect()
}

/// Does the last that was set hold, as far as this writer knows?
pub(crate) fn is_shared(family: &FamilyKey) -> bool {
    family.aggregation() == Aggregation::Shared
}
