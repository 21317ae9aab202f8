//! The text of a series: its rendered labels, which are also its key.

use std::cmp::Ordering;
use std::fmt;

use crate::model::escape;
use crate::model::labels::LabelSpec;

/// The label values of a series, in the order of the sorted label names.
pub(crate) trait Key {
    /// Passes the values to `look`, until it returns false; returns whether it saw all.
    fn each<'a>(&'a self, look: &mut impl FnMut(&'a str) -> bool) -> bool;

    /// Returns the values.
    fn values(&self) -> Vec<&str> {
        let mut values = Vec::new();
        self.each(&mut |value| {
            values.push(value);
            true
        });
        values
    }
}

impl<S: AsRef<str>> Key for [S] {
    #[inline]
    fn each<'a>(&'a self, look: &mut impl FnMut(&'a str) -> bool) -> bool {
        self.iter().all(|value| look(value.as_ref()))
    }
}

impl Key for () {
    #[inline]
    fn each<'a>(&'a self, _: &mut impl FnMut(&'a str) -> bool) -> bool {
        true
    }
}

/// The list `(first, (second, ()))`.
impl<Tail: Key> Key for (&str, Tail) {
    #[inline]
    fn each<'a>(&'a self, look: &mut impl FnMut(&'a str) -> bool) -> bool {
        look(self.0) && self.1.each(look)
    }
}

impl Key for Labels<'_> {
    fn each<'a>(&'a self, look: &mut impl FnMut(&'a str) -> bool) -> bool {
        self.values().all(look)
    }
}

/// Encodes a series as its text, and a head with the places of the values.
///
/// The text is the rendered labels, `method="GET",status="200"`, without empty ones. If a value is escaped or very
/// long, all values follow unescaped. The head is the length of each value, in two bytes; if the values follow, in four
/// bytes, after the length of the rendered labels.
pub(crate) fn encode(specs: &[LabelSpec], values: &[&str]) -> (Vec<u8>, String) {
    let mut text = String::new();
    let mut apart = false;
    for (spec, value) in specs.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend([spec.name(), "=\""]);
        let start = text.len();
        escape::label_value(&mut text, value);
        apart |= text.len() - start != value.len() || u16::try_from(value.len()).is_err();
        text.push('"');
    }
    let mut head = Vec::new();
    if !apart {
        for value in values {
            // All of them fit, or the values would follow.
            head.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
        }
        return (head, text);
    }
    // No series is longer than 4 GiB.
    let long = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    let exposed = text.len();
    for value in values {
        head.extend_from_slice(&long(value.len()));
        text.push_str(value);
    }
    head.extend_from_slice(&long(exposed));
    (head, text)
}

/// The labels of a series, names and values, as [`retain`](crate::metrics::Family::retain) shows them.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    specs: &'a [LabelSpec],
    head: &'a [u8],
    text: &'a str,
}

impl<'a> Labels<'a> {
    /// Reads the labels from a text of [`encode`].
    #[inline]
    pub(crate) fn new(specs: &'a [LabelSpec], head: &'a [u8], text: &'a str) -> Self {
        Self { specs, head, text }
    }

    /// Returns the declarations of the labels.
    pub(crate) fn specs(&self) -> &'a [LabelSpec] {
        self.specs
    }

    /// Returns the value of a label; `None` if there is no such label.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.specs.iter().map(LabelSpec::name).zip(self.values())
    }

    /// Returns the values, in the order of the sorted names.
    #[inline]
    pub(crate) fn values(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let Self { specs, head, text } = *self;
        let plain = head.len() == specs.len() * 2;
        let mut start = if plain { 0 } else { self.exposed_len() };
        specs.iter().enumerate().map(move |(place, spec)| {
            if plain {
                let len = usize::from(u16::from_le_bytes([head[place * 2], head[place * 2 + 1]]));
                if len == 0 {
                    return "";
                }
                let value = start + spec.name().len() + 2;
                start = value + len + 2;
                &text[value..value + len]
            } else {
                let value = start;
                start += long_len(head, place);
                &text[value..start]
            }
        })
    }

    /// Returns whether these are the values of the key.
    #[inline]
    pub(crate) fn are(&self, key: &(impl Key + ?Sized)) -> bool {
        let Self { specs, head, text } = *self;
        if head.len() != specs.len() * 2 {
            let mut values = self.values();
            return key.each(&mut |wanted| values.next() == Some(wanted)) && values.next().is_none();
        }
        // Compares bytes as `values` goes, lengths first.
        let mut labels = specs.iter().zip(head.chunks_exact(2));
        let mut start = 0;
        let mut same = |wanted: &str| {
            let Some((spec, len)) = labels.next() else { return false };
            let len = usize::from(u16::from_le_bytes([len[0], len[1]]));
            if len != wanted.len() || len == 0 {
                return len == wanted.len();
            }
            let value = start + spec.name().len() + 2;
            start = value + len + 2;
            text.as_bytes().get(value..value + len) == Some(wanted.as_bytes())
        };
        key.each(&mut same) && labels.next().is_none()
    }

    /// Returns the rendered labels, without braces.
    #[inline]
    pub(crate) fn exposed(&self) -> &'a str {
        if self.head.len() == self.specs.len() * 2 { self.text } else { &self.text[..self.exposed_len()] }
    }

    fn exposed_len(&self) -> usize {
        long_len(self.head, self.specs.len())
    }

    /// Compares by values.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.values().cmp(other.values())
    }
}

fn long_len(head: &[u8], place: usize) -> usize {
    let bytes = head.get(place * 4..place * 4 + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes) as usize
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn specs() -> [LabelSpec; 3] {
        ["a", "bc", "d"].map(|name| LabelSpec::required(Cow::Borrowed(name)))
    }

    #[test]
    fn a_key_is_found_again_whatever_is_in_it() {
        let parts = ["", "x", "\"", "\\", "\\n", "\n", "a\"", "\",bc=\"x", "é", &"l".repeat(70_000)];
        let specs = specs();
        let keys: Vec<[&str; 3]> =
            parts.iter().flat_map(|a| parts.iter().flat_map(move |b| parts.map(|c| [*a, b, c]))).collect();
        let texts: Vec<_> = keys.iter().map(|key| encode(&specs, key)).collect();
        for (key, (head, text)) in keys.iter().zip(&texts) {
            let labels = Labels::new(&specs, head, text);
            assert!(labels.values().eq(key.iter().copied()), "{key:?}");
            assert!(labels.are(&key[..]), "{key:?}");
            let others = keys.iter().filter(|other| labels.are(&other[..])).count();
            assert_eq!(others, 1, "{key:?}");
        }
    }

    #[test]
    fn what_is_exposed_is_escaped_and_leaves_out_what_is_empty() {
        let specs = specs();
        let (head, text) = encode(&specs, &["say \"hi\"\n", "", "z"]);
        assert_eq!(Labels::new(&specs, &head, &text).exposed(), r#"a="say \"hi\"\n",d="z""#);
    }
}
