//! The schema: keys and fields in Redis.
//!
//! A namespace is split into partitions. The keys of a partition share a
//! [hash tag](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags), and so one slot of a
//! cluster, as a script needs it:
//!
//! | key | type | contents |
//! |---|---|---|
//! | `{<namespace>:<partition>}:families` | hash | family: its declaration, as JSON; `@<family>`: when a process last began it, in µs |
//! | `{<namespace>:<partition>}:f:<family>` | hash | `<part>[<label values>]`: number; `#`: its generation |
//! | `{<namespace>:<partition>}:w:<writer>` | hash, expires with the lease | `[<family>,<label values>]`: number, space, time set; `#`: process id |
//! | `{<namespace>:<partition>}:d:<writer>` | the same | family: 1, declared by this process; `#`: process id |
//! | `{<namespace>:<partition>}:writers` | hash | writer: its last sequence number; `schema` |
//! | `{<namespace>:<partition>}:alive` | sorted set | writer: the end of its lease, in ms |
//!
//! A family is named by its [`FamilyKey::id`], `<name>@<hash>` or `<name>|<scope>@<hash>`. The hash covers the declaration:
//! versions of a program with different declarations never write to the same hash. All declarations of a name lie in one
//! partition. Label values are a JSON array, in the order of the sorted label names.
//!
//! Parts: of a counter, `n` is the whole part and `f` the fraction, to be added up; of a shared gauge, `f` is the value; of
//! histograms and summaries, `0`, `1`.. are the counts of the buckets, not cumulative, and `s` is the sum; of state sets,
//! `0`, `1`.. are the flags. The `f` of a `most_recent` gauge is a number, a space, and the time when it was set.

use crate::backends::custom::{FamilyKey, SeriesKey};
use crate::model::descriptor::Kind;
use crate::model::number::{self, Number};

/// The field of a hash's own properties, in place of a series: its generation, or the process id.
pub(crate) const SELF: &str = "#";

/// The keys of one partition.
#[derive(Debug, Clone)]
pub(crate) struct PartitionKeys {
    tag: String,
    pub(crate) writers: String,
    pub(crate) alive: String,
    pub(crate) families: String,
}

impl PartitionKeys {
    pub(crate) fn new(namespace: &str, partition: usize) -> Self {
        let tag = format!("{{{namespace}:{partition}}}");
        Self {
            writers: format!("{tag}:writers"),
            alive: format!("{tag}:alive"),
            families: format!("{tag}:families"),
            tag,
        }
    }

    /// Returns the key of a family's hash.
    pub(crate) fn family(&self, family: &str) -> String {
        format!("{}:f:{family}", self.tag)
    }

    /// Returns the key of a writer's live values.
    pub(crate) fn own(&self, writer: &str) -> String {
        format!("{}:w:{writer}", self.tag)
    }

    /// Returns the key of a writer's declarations. Most scrapes do not read it, so it is apart.
    pub(crate) fn declared(&self, writer: &str) -> String {
        format!("{}:d:{writer}", self.tag)
    }
}

/// The prefix of the index field with the time of a family's last declaration.
pub(crate) const BEGUN: char = '@';

/// Strips the hash from a [`FamilyKey::id`].
pub(crate) fn name_of(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(name, _)| name)
}

/// Returns the partition of a family: the same for all its declarations, in every process and version.
#[allow(clippy::cast_possible_truncation, reason = "less than the number of partitions")]
pub(crate) fn partition_of(id: &str, partitions: usize) -> usize {
    (hash(name_of(id)) % partitions.max(1) as u64) as usize
}

/// Hashes a text with [FNV-1a](http://www.isthe.com/chongo/tech/comp/fnv/): the same in every process and version.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Returns whether each living process has its own value, kept in the writer's key until it ends.
pub(crate) fn is_live(family: &FamilyKey) -> bool {
    family.aggregation().is_live_only()
}

/// Encodes the label values of a series as JSON.
pub(crate) fn series_text(family: &FamilyKey, series: &SeriesKey) -> String {
    let values: Vec<_> = series.labels(family).values().collect();
    serde_json::to_string(&values).unwrap_or_default()
}

/// Returns the field of a series in the key of a writer.
pub(crate) fn live_field(id: &str, family: &FamilyKey, series: &SeriesKey) -> String {
    let all: Vec<_> = std::iter::once(id).chain(series.labels(family).values()).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

/// Returns the name of a part: of whole numbers in a counter, `s` for a sum.
pub(crate) fn part_name(family: &FamilyKey, part: usize) -> String {
    match family.descriptor().kind() {
        Kind::Counter => "n".to_owned(),
        Kind::Gauge => "f".to_owned(),
        Kind::Histogram | Kind::Summary if part + 1 == family.part_count() => "s".to_owned(),
        _ => part.to_string(),
    }
}

/// Returns every field that a series may have.
pub(crate) fn fields(family: &FamilyKey, series: &str) -> Vec<String> {
    let mut fields: Vec<_> = (0..family.part_count()).map(|part| part_name(family, part) + series).collect();
    if family.descriptor().kind() == Kind::Counter {
        fields.push(format!("f{series}"));
    }
    fields
}

/// Formats a number for Redis and its scripts.
pub(crate) fn number_text(number: Number) -> String {
    match number {
        Number::Int(whole) => whole.to_string(),
        Number::Float(float) if float.is_finite() => number::to_text(float),
        Number::Float(float) => if float.is_nan() {
            "nan"
        } else if float > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned(),
    }
}

/// Formats a gauge's value with the time when it was set, for one field.
pub(crate) fn value_text(value: Number, set_at: u64) -> String {
    format!("{} {set_at}", number_text(value))
}

/// Parses the [text](value_text) of a value and its time.
pub(crate) fn parse_value(text: &str) -> Option<(f64, u64)> {
    let (value, set_at) = text.split_once(' ')?;
    let value: f64 = value.parse().ok()?;
    // A negative zero becomes zero.
    Some((value + 0.0, set_at.parse().ok()?))
}

/// The name of a field, parsed.
pub(crate) struct ParsedField<'a> {
    pub(crate) part: usize,
    /// A float, which adds to the whole part of a counter.
    pub(crate) is_fraction: bool,
    pub(crate) series: &'a [u8],
}

/// Parses the name of a field; `None` for a field of another kind of family.
pub(crate) fn parse_field<'a>(family: &FamilyKey, field: &'a [u8]) -> Option<ParsedField<'a>> {
    let at = field.iter().position(|byte| *byte == b'[')?;
    let (name, series) = field.split_at(at);
    let (part, is_fraction) = match (family.descriptor().kind(), name) {
        (Kind::Counter, b"n") => (0, false),
        (Kind::Counter | Kind::Gauge, b"f") => (0, true),
        (Kind::Histogram | Kind::Summary, b"s") => (family.part_count() - 1, true),
        (kind, digits) => {
            let part: usize = str::from_utf8(digits).ok()?.parse().ok()?;
            // The last part is the sum.
            let has_sum = matches!(kind, Kind::Histogram | Kind::Summary);
            (Some(part).filter(|part| !has_sum || part + 1 < family.part_count())?, false)
        }
    };
    (part < family.part_count()).then_some(ParsedField { part, is_fraction, series })
}

/// Parses the number in a field.
pub(crate) fn parse_number(text: &[u8], is_fraction: bool) -> Option<Number> {
    let text = str::from_utf8(text).ok()?;
    if is_fraction {
        text.parse().ok().map(Number::Float)
    } else {
        text.parse().ok().map(|n: i64| Number::Int(n.cast_unsigned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::descriptor::Descriptor;

    #[test]
    fn every_field_parses_back() {
        for kind in [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary] {
            let descriptor = Descriptor::new(kind, "a_total", "A.").unwrap().with_labels(["l", "m"]).unwrap();
            let descriptor =
                if kind == Kind::Histogram { descriptor.with_buckets([1.0, 2.0]).unwrap() } else { descriptor };
            let family = FamilyKey::new("", descriptor);
            let series = series_text(&family, &SeriesKey::new(&family, &["x\n\"[", ""]));
            assert_eq!(series, r#"["x\n\"[",""]"#);
            for (index, field) in fields(&family, &series).iter().enumerate() {
                let parsed = parse_field(&family, field.as_bytes()).unwrap();
                assert_eq!(parsed.series, series.as_bytes());
                assert_eq!(parsed.part, index.min(family.part_count() - 1), "{field}");
            }
            assert!(parse_field(&family, SELF.as_bytes()).is_none());
        }
    }

    #[test]
    fn numbers_parse_back_exactly() {
        for number in [0.1, -0.0, 1e300, 1e-300, f64::INFINITY, f64::NEG_INFINITY] {
            let text = number_text(Number::Float(number));
            assert_eq!(parse_number(text.as_bytes(), true), Some(Number::Float(number)), "{text}");
        }
        assert!(parse_number(b"-nan", true).is_some_and(|number| number.as_f64().is_nan()));
        assert_eq!(parse_number(b"7", false), Some(Number::Int(7)));
    }

    #[test]
    fn all_declarations_of_a_name_lie_in_one_stable_partition() {
        assert_eq!(partition_of("http_requests_total", 1), 0);
        assert_eq!(partition_of("a@0123456789abcdef", 16), usize::from(0xec8c_u16 % 16));
        assert_eq!(name_of("a|x@y@0123456789abcdef"), "a|x@y");
        let hits = FamilyKey::new("x@y", Descriptor::new(Kind::Counter, "a", "A.").unwrap());
        assert_eq!(name_of(&hits.id()), "a|x@y");
    }
}
