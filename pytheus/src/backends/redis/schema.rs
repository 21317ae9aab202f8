//! Where everything is in Redis: keys and fields.
//!
//! A namespace is spread over shards; the keys of one have a hash tag in common, and so one slot of a cluster:
//!
//! | key | type | what is in it |
//! |---|---|---|
//! | `{<namespace>:<shard>}:families` | hash | family: what it is, as JSON; `@<family>`: when a process began it last, in µs |
//! | `{<namespace>:<shard>}:f:<family>` | hash | `<part>[<label values>]`: number; `#`: its incarnation |
//! | `{<namespace>:<shard>}:w:<writer>` | hash, for as long as its lease | `[<family>,<label values>]`: number, space, stamp; `#`: process |
//! | `{<namespace>:<shard>}:d:<writer>` | the same | family: 1, which this process declares; `#`: process |
//! | `{<namespace>:<shard>}:writers` | hash | writer: its last number; `layout` |
//! | `{<namespace>:<shard>}:alive` | sorted set | writer: until when it lives, in ms |
//!
//! A family is its [`FamilyKey::id`]: `<name>@<hash>`; where its registry has a scope, `<name>|<scope>@<hash>`. The hash is
//! that of its declaration, so that two versions of a program never write to the same numbers; all declarations of a name
//! are in one shard. Label values are a JSON array, in the order of the sorted label names. Parts: `n` and `f` are the whole part and the fractions of a counter, to be added up; `f` is the
//! value of a shared gauge; of histograms and summaries `0`, `1`.. are the counts of the buckets, not cumulative, and `s` the
//! sum; of state sets `0`, `1`.. are the flags. The `f` of a `most_recent` gauge is a number, a space, and its stamp.

use crate::backends::custom::{FamilyKey, SeriesKey};
use crate::model::descriptor::Kind;
use crate::model::number::{self, Number};

/// The field for what a hash is, in place of a series.
pub(crate) const SELF: &str = "#";

/// The keys of one shard.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    tag: String,
    pub(crate) writers: String,
    pub(crate) alive: String,
    pub(crate) families: String,
}

impl Keys {
    pub(crate) fn new(namespace: &str, shard: u64) -> Self {
        let tag = format!("{{{namespace}:{shard}}}");
        Self {
            writers: format!("{tag}:writers"),
            alive: format!("{tag}:alive"),
            families: format!("{tag}:families"),
            tag,
        }
    }

    pub(crate) fn family(&self, family: &str) -> String {
        format!("{}:f:{family}", self.tag)
    }

    pub(crate) fn own(&self, writer: &str) -> String {
        format!("{}:w:{writer}", self.tag)
    }

    /// The key of the declarations of a writer; apart, as most scrapes have no need of it.
    pub(crate) fn declared(&self, writer: &str) -> String {
        format!("{}:d:{writer}", self.tag)
    }
}

/// In the index, before a family: the field for when a process declared it last.
pub(crate) const BEGUN: char = '@';

/// The name of a family, and its scope, whatever its declaration.
pub(crate) fn scoped_name(family: &FamilyKey) -> String {
    match family.scope() {
        "" => family.name().to_owned(),
        scope => format!("{}|{scope}", family.name()),
    }
}

/// The scoped name of a family of this [`FamilyKey::id`].
pub(crate) fn name_of(id: &str) -> &str {
    id.rsplit_once('@').map_or(id, |(name, _)| name)
}

/// Where a family lies, and all other declarations of its name: the same in each process and version.
pub(crate) fn shard_of(id: &str, shards: u64) -> u64 {
    hash(name_of(id)) % shards.max(1)
}

/// FNV-1a: the same in each process and version.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Does each living process have a number of its own, which goes with it?
pub(crate) fn is_live(family: &FamilyKey) -> bool {
    family.aggregation().is_live_only()
}

/// The label values of a series, as JSON.
pub(crate) fn series_text(family: &FamilyKey, series: &SeriesKey) -> String {
    let values: Vec<_> = series.labels(family).values().collect();
    serde_json::to_string(&values).unwrap_or_default()
}

/// The field of a series in the key of a writer.
pub(crate) fn live_field(id: &str, family: &FamilyKey, series: &SeriesKey) -> String {
    let all: Vec<_> = std::iter::once(id).chain(series.labels(family).values()).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

/// The name of a part that is counted in whole numbers; of a sum, `s`.
pub(crate) fn part_name(family: &FamilyKey, part: usize) -> String {
    match family.descriptor().kind() {
        Kind::Counter => "n".to_owned(),
        Kind::Gauge => "f".to_owned(),
        Kind::Histogram | Kind::Summary if part + 1 == family.part_count() => "s".to_owned(),
        _ => part.to_string(),
    }
}

/// Every field that a series may have.
pub(crate) fn fields(family: &FamilyKey, series: &str) -> Vec<String> {
    let mut fields: Vec<_> = (0..family.part_count()).map(|part| part_name(family, part) + series).collect();
    if family.descriptor().kind() == Kind::Counter {
        fields.push(format!("f{series}"));
    }
    fields
}

/// A number as Redis and its scripts read it.
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

/// A value of a gauge and when it was set, as they stand in one field.
pub(crate) fn value_text(value: Number, set_at: u64) -> String {
    format!("{} {set_at}", number_text(value))
}

/// Reads a [text](value_text) of them.
pub(crate) fn parse_value(text: &str) -> Option<(f64, u64)> {
    let (value, set_at) = text.split_once(' ')?;
    let value: f64 = value.parse().ok()?;
    // Zero has no sign.
    Some((value + 0.0, set_at.parse().ok()?))
}

/// What a field adds to a series of this family.
pub(crate) struct Field<'a> {
    pub(crate) part: usize,
    /// Fractions, to be added to what is whole.
    pub(crate) is_fraction: bool,
    pub(crate) series: &'a [u8],
}

/// The part and the series that a field is of; `None` where it is no field of such a family.
pub(crate) fn parse_field<'a>(family: &FamilyKey, field: &'a [u8]) -> Option<Field<'a>> {
    let at = field.iter().position(|byte| *byte == b'[')?;
    let (name, series) = field.split_at(at);
    let (part, is_fraction) = match (family.descriptor().kind(), name) {
        (Kind::Counter, b"n") => (0, false),
        (Kind::Counter | Kind::Gauge, b"f") => (0, true),
        (Kind::Histogram | Kind::Summary, b"s") => (family.part_count() - 1, true),
        (kind, digits) => {
            let part: usize = str::from_utf8(digits).ok()?.parse().ok()?;
            // The last one is the sum.
            let has_sum = matches!(kind, Kind::Histogram | Kind::Summary);
            (Some(part).filter(|part| !has_sum || part + 1 < family.part_count())?, false)
        }
    };
    (part < family.part_count()).then_some(Field { part, is_fraction, series })
}

/// The number that a field holds.
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
    fn each_field_reads_back_as_what_it_is() {
        for kind in [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary] {
            let descriptor = Descriptor::new(kind, "a_total", "A.").unwrap().with_labels(["l", "m"]).unwrap();
            let descriptor =
                if kind == Kind::Histogram { descriptor.with_buckets([1.0, 2.0]).unwrap() } else { descriptor };
            let family = FamilyKey::new("", descriptor);
            let series = series_text(&family, &SeriesKey::new(&family, &["x\n\"[", ""]));
            assert_eq!(series, r#"["x\n\"[",""]"#);
            for (place, field) in fields(&family, &series).iter().enumerate() {
                let parsed = parse_field(&family, field.as_bytes()).unwrap();
                assert_eq!(parsed.series, series.as_bytes());
                assert_eq!(parsed.part, place.min(family.part_count() - 1), "{field}");
            }
            assert!(parse_field(&family, SELF.as_bytes()).is_none());
        }
    }

    #[test]
    fn numbers_read_back_as_they_were() {
        for number in [0.1, -0.0, 1e300, 1e-300, f64::INFINITY, f64::NEG_INFINITY] {
            let text = number_text(Number::Float(number));
            assert_eq!(parse_number(text.as_bytes(), true), Some(Number::Float(number)), "{text}");
        }
        assert!(parse_number(b"-nan", true).is_some_and(|number| number.as_f64().is_nan()));
        assert_eq!(parse_number(b"7", false), Some(Number::Int(7)));
    }

    #[test]
    fn a_family_lies_in_the_same_shard_everywhere_whatever_its_declaration() {
        assert_eq!(shard_of("http_requests_total", 1), 0);
        assert_eq!(shard_of("a@0123456789abcdef", 16), 0xaf63_dc4c_8601_ec8c % 16);
        assert_eq!(name_of("a|x@y@0123456789abcdef"), "a|x@y");
        let hits = FamilyKey::new("x@y", Descriptor::new(Kind::Counter, "a", "A.").unwrap());
        assert_eq!((name_of(&hits.id()), scoped_name(&hits)), ("a|x@y", "a|x@y".to_owned()));
    }
}
