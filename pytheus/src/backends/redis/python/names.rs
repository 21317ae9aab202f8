//! The names of Python's keys, and labels in its JSON.

use crate::backends::custom::{Aggregation, FamilyKey, SeriesKey};
use crate::model::descriptor::Kind;

/// The most labels of which all orders are searched.
const MAX_ORDERED: usize = 4;

/// Returns the name and scope of a family, without the hash of its declaration.
pub(crate) fn scoped_name(family: &FamilyKey) -> String {
    match family.scope() {
        "" => family.name().to_owned(),
        scope => format!("{}|{scope}", family.name()),
    }
}

/// Returns whether Python has such a family.
pub(crate) fn has(family: &FamilyKey) -> bool {
    match family.descriptor().kind() {
        Kind::Counter | Kind::Histogram | Kind::Summary => true,
        Kind::Gauge => matches!(family.aggregation(), Aggregation::Shared | Aggregation::LiveSum),
        Kind::Info | Kind::StateSet => false,
    }
}

/// The key of one part of a family: a hash if it has labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PythonKey {
    pub(crate) name: String,
    /// The index of the part. A bucket with a whole bound has two keys: it is an `int` in one program and a `float` in another.
    pub(crate) part: usize,
}

/// Returns the keys of a family. The parts of a histogram are the cumulative counts of its buckets, `+Inf` included, the count,
/// and the sum; those of a summary are the count and the sum.
pub(crate) fn keys(family: &FamilyKey) -> Vec<PythonKey> {
    let id = scoped_name(family);
    let names = match family.descriptor().kind() {
        Kind::Summary => vec![vec!["count".to_owned()], vec!["sum".to_owned()]],
        Kind::Histogram => {
            let buckets = family.descriptor().buckets().iter();
            let buckets = buckets.map(|bound| format_int(*bound).into_iter().chain([format_float(*bound)]).collect());
            buckets.chain(["+Inf", "count", "sum"].map(|name| vec![name.to_owned()])).collect()
        }
        _ => return vec![PythonKey { name: id, part: 0 }],
    };
    let names = names.into_iter().enumerate().flat_map(|(part, names)| names.into_iter().map(move |name| (part, name)));
    names.map(|(part, name)| PythonKey { name: format!("{id}:{name}"), part }).collect()
}

/// Returns a key with all series of a family.
pub(crate) fn index_key(family: &FamilyKey) -> String {
    let id = scoped_name(family);
    match family.descriptor().kind() {
        Kind::Histogram | Kind::Summary => format!("{id}:count"),
        _ => id,
    }
}

/// Formats a bound as Python's `int`, if it is whole.
fn format_int(bound: f64) -> Option<String> {
    // An `int` has no negative zero.
    let bound = bound + 0.0;
    (bound.trunc().to_bits() == bound.to_bits()).then(|| bound.to_string())
}

/// Formats a number as Python's `float`.
fn format_float(number: f64) -> String {
    let short = format!("{number:e}");
    let (digits, exponent) = short.split_once('e').unwrap_or((&short, "0"));
    match exponent.parse::<i32>().unwrap_or_default() {
        -4..16 => {
            let text = number.to_string();
            if text.contains('.') { text } else { text + ".0" }
        }
        large => format!("{digits}e{}{:02}", if large < 0 { '-' } else { '+' }, large.abs()),
    }
}

/// Formats the labels of a series as Python's `json.dumps`, in this order; empty without labels.
pub(crate) fn field(family: &FamilyKey, series: &SeriesKey, order: &[usize]) -> String {
    let labels: Vec<_> = series.labels(family).iter().collect();
    if labels.is_empty() {
        return String::new();
    }
    let mut out = String::from("{");
    for (index, &label) in order.iter().enumerate() {
        let Some((name, value)) = labels.get(label) else { continue };
        out.push_str(if index == 0 { "\"" } else { ", \"" });
        out.push_str(name);
        out.push_str("\": \"");
        escape(value, &mut out);
        out.push('"');
    }
    out.push('}');
    out
}

fn escape(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a `String` never fails.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// Returns the most likely order of Python's labels: those with a default first.
pub(crate) fn default_order(family: &FamilyKey) -> Vec<usize> {
    let labels = &family.descriptor().labels;
    let mut order: Vec<_> = (0..labels.len()).collect();
    order.sort_by_key(|label| !labels[*label].has_default());
    order
}

/// Returns possible orders of Python's labels, likely ones first.
pub(crate) fn orders(family: &FamilyKey, known: Option<&Vec<usize>>) -> Vec<Vec<usize>> {
    let mut usual = default_order(family);
    let mut orders: Vec<_> = known.into_iter().chain([&usual]).cloned().collect();
    if usual.len() <= MAX_ORDERED {
        permute(&mut usual, 0, &mut orders);
    }
    let mut seen = Vec::with_capacity(orders.len());
    for order in orders {
        if !seen.contains(&order) {
            seen.push(order);
        }
    }
    seen
}

fn permute(order: &mut [usize], from: usize, out: &mut Vec<Vec<usize>>) {
    if from + 1 >= order.len() {
        out.push(order.to_vec());
        return;
    }
    for index in from..order.len() {
        order.swap(from, index);
        permute(order, from + 1, out);
        order.swap(from, index);
    }
}

/// Formats a label value, of any type in JSON, as Python's `str`.
fn format_value(value: &serde_json::Value) -> Option<String> {
    Some(match value {
        serde_json::Value::String(value) => value.clone(),
        serde_json::Value::Number(number) if number.is_f64() => format_float(number.as_f64()?),
        serde_json::Value::Number(number) => number.to_string(),
        serde_json::Value::Bool(is_true) => if *is_true { "True" } else { "False" }.to_owned(),
        serde_json::Value::Null => "None".to_owned(),
        _ => return None,
    })
}

/// Parses a field: the series, and the order of its labels; `None` if the family has other labels.
pub(crate) fn parse(family: &FamilyKey, field: &[u8]) -> Option<(SeriesKey, Vec<usize>)> {
    let text = str::from_utf8(field).ok()?;
    let serde_json::Value::Object(labels) = text.parse().ok()? else { return None };
    let (mut values, mut positions) = (Vec::new(), Vec::new());
    for (label, name) in family.descriptor().label_names().enumerate() {
        values.push(format_value(labels.get(name)?)?);
        // Inside a value, a quotation mark follows a backslash.
        let quoted = format!("\"{name}\":");
        let mut all = text.match_indices(&quoted).map(|(at, _)| at);
        positions.push((all.find(|at| text.as_bytes().get(at.wrapping_sub(1)) != Some(&b'\\')), label));
    }
    if labels.len() != values.len() {
        return None;
    }
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    positions.sort_unstable();
    Some((SeriesKey::new(family, &values), positions.into_iter().map(|(_, label)| label).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::descriptor::Descriptor;

    #[test]
    fn numbers_are_formatted_as_in_python() {
        for (number, text) in [
            (0.005, "0.005"),
            (1.0, "1.0"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-2.5e100, "-2.5e+100"),
        ] {
            assert_eq!(format_float(number), text);
        }
        assert_eq!(format_int(-0.0).as_deref(), Some("0"));
        assert_eq!(format_int(10.0).as_deref(), Some("10"));
        assert_eq!(format_int(0.5), None);
    }

    #[test]
    fn labels_parse_back_in_any_order() {
        let descriptor = Descriptor::new(Kind::Counter, "a", "A.").unwrap().with_labels(["b", "a"]).unwrap();
        let family = FamilyKey::new("", descriptor);
        for value in ["x", "", "\"b\": \"\\", "a\n\u{7f}é😀\u{8}", ", \"a\": "] {
            let series = SeriesKey::new(&family, &[value, "b"]);
            for order in orders(&family, None) {
                let field = field(&family, &series, &order);
                assert!(field.is_ascii(), "{field}");
                assert_eq!(parse(&family, field.as_bytes()), Some((series.clone(), order)), "{field}");
            }
        }
        let series = SeriesKey::new(&family, &["é😀\u{7f}", "b"]);
        assert_eq!(field(&family, &series, &[1, 0]), r#"{"b": "b", "a": "\u00e9\ud83d\ude00\u007f"}"#);
        for (value, shown) in [("200", "200"), ("-1.0", "-1.0"), ("1e+16", "1e+16"), ("true", "True"), ("null", "None")]
        {
            let series = SeriesKey::new(&family, &[shown, "b"]);
            let field = format!(r#"{{"b": "b", "a": {value}}}"#);
            assert_eq!(parse(&family, field.as_bytes()), Some((series, vec![1, 0])), "{field}");
        }
        assert_eq!(parse(&family, br#"{"a": [], "b": "y"}"#), None);
        assert_eq!(parse(&family, br#"{"a": "x"}"#), None);
        assert_eq!(parse(&family, br#"{"a": "x", "b": "y", "c": "z"}"#), None);
    }
}
