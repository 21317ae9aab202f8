//! Where Python has everything: its keys, and labels as its JSON.

use crate::backends::custom::{Aggregation, FamilyKey, SeriesKey};
use crate::backends::redis::schema;
use crate::model::descriptor::Kind;

/// With more labels than this, not every order of them is looked for.
const MOST_ORDERED: usize = 4;

/// Is it something that Python has, too?
pub(crate) fn has(family: &FamilyKey) -> bool {
    match family.descriptor().kind() {
        Kind::Counter | Kind::Histogram | Kind::Summary => true,
        Kind::Gauge => matches!(family.aggregation(), Aggregation::Shared | Aggregation::LiveSum),
        Kind::Info | Kind::StateSet => false,
    }
}

/// The key of one number of a family; in a hash if it has labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    /// Which of the numbers it is. A bucket with a whole bound has two keys, as it is an `int` for one program and a
    /// `float` for another.
    pub(crate) part: usize,
}

/// The keys of a family. The numbers of a histogram: the cumulative count of each bucket, and that of all; the count; the
/// sum. Of a summary: the count; the sum.
pub(crate) fn keys(family: &FamilyKey) -> Vec<Key> {
    let id = schema::scoped_name(family);
    let names = match family.descriptor().kind() {
        Kind::Summary => vec![vec!["count".to_owned()], vec!["sum".to_owned()]],
        Kind::Histogram => {
            let buckets = family.descriptor().buckets().iter();
            let buckets = buckets.map(|bound| whole(*bound).into_iter().chain([float(*bound)]).collect());
            buckets.chain(["+Inf", "count", "sum"].map(|name| vec![name.to_owned()])).collect()
        }
        _ => return vec![Key { name: id, part: 0 }],
    };
    let names = names.into_iter().enumerate().flat_map(|(part, names)| names.into_iter().map(move |name| (part, name)));
    names.map(|(part, name)| Key { name: format!("{id}:{name}"), part }).collect()
}

/// The key that has each series.
pub(crate) fn index(family: &FamilyKey) -> String {
    let id = schema::scoped_name(family);
    match family.descriptor().kind() {
        Kind::Histogram | Kind::Summary => format!("{id}:count"),
        _ => id,
    }
}

/// As Python writes an `int` of this value, where it has one.
fn whole(bound: f64) -> Option<String> {
    // Zero has no sign there.
    let bound = bound + 0.0;
    (bound.trunc().to_bits() == bound.to_bits()).then(|| bound.to_string())
}

/// As Python writes a `float`.
fn float(number: f64) -> String {
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

/// The labels of a series, as Python's `json.dumps` writes them in this order; of one without labels, empty.
pub(crate) fn field(family: &FamilyKey, series: &SeriesKey, order: &[usize]) -> String {
    let labels: Vec<_> = series.labels(family).iter().collect();
    if labels.is_empty() {
        return String::new();
    }
    let mut out = String::from("{");
    for (place, &label) in order.iter().enumerate() {
        let Some((name, value)) = labels.get(label) else { continue };
        out.push_str(if place == 0 { "\"" } else { ", \"" });
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
                    // Nothing fails that writes to a text.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// The order that Python's labels most likely have where nothing else is known: those with a default, which Python begins
/// with, then the others.
pub(crate) fn usual(family: &FamilyKey) -> Vec<usize> {
    let labels = &family.descriptor().labels;
    let mut order: Vec<_> = (0..labels.len()).collect();
    order.sort_by_key(|label| !labels[*label].has_default());
    order
}

/// The orders in which Python may have written the labels, likely ones first.
pub(crate) fn orders(family: &FamilyKey, known: Option<&Vec<usize>>) -> Vec<Vec<usize>> {
    let mut usual = usual(family);
    let mut orders: Vec<_> = known.into_iter().chain([&usual]).cloned().collect();
    if usual.len() <= MOST_ORDERED {
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
    for place in from..order.len() {
        order.swap(from, place);
        permute(order, from + 1, out);
        order.swap(from, place);
    }
}

/// A label value, which may be anything there, as Python's `str` writes it.
fn shown(value: &serde_json::Value) -> Option<String> {
    Some(match value {
        serde_json::Value::String(value) => value.clone(),
        serde_json::Value::Number(number) if number.is_f64() => float(number.as_f64()?),
        serde_json::Value::Number(number) => number.to_string(),
        serde_json::Value::Bool(is_true) => if *is_true { "True" } else { "False" }.to_owned(),
        serde_json::Value::Null => "None".to_owned(),
        _ => return None,
    })
}

/// The series of a field, and the order in which its labels stand; `None` where these are not the labels of the family.
pub(crate) fn parse(family: &FamilyKey, field: &[u8]) -> Option<(SeriesKey, Vec<usize>)> {
    let text = str::from_utf8(field).ok()?;
    let serde_json::Value::Object(labels) = text.parse().ok()? else { return None };
    let (mut values, mut places) = (Vec::new(), Vec::new());
    for (label, name) in family.descriptor().label_names().enumerate() {
        values.push(shown(labels.get(name)?)?);
        // Within a value, a backslash stands before each quotation mark.
        let quoted = format!("\"{name}\":");
        let mut all = text.match_indices(&quoted).map(|(at, _)| at);
        places.push((all.find(|at| text.as_bytes().get(at.wrapping_sub(1)) != Some(&b'\\')), label));
    }
    if labels.len() != values.len() {
        return None;
    }
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    places.sort_unstable();
    Some((SeriesKey::new(family, &values), places.into_iter().map(|(_, label)| label).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::descriptor::Descriptor;

    #[test]
    fn numbers_read_as_python_writes_them() {
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
            assert_eq!(float(number), text);
        }
        assert_eq!(whole(-0.0).as_deref(), Some("0"));
        assert_eq!(whole(10.0).as_deref(), Some("10"));
        assert_eq!(whole(0.5), None);
    }

    #[test]
    fn labels_read_back_in_whatever_order() {
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
