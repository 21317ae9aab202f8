//! Samples of a scrape, read from its text.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;

/// The failure of a check, in words.
pub(super) type Fault = Box<dyn Error + Send + Sync>;

/// Maps each sample's name and labels, as exposed, to its value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Samples(BTreeMap<String, String>);

impl Samples {
    pub(super) fn of(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        // The value has no spaces; label values before it may have some.
        Self(lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the value, 0 for a sample that is missing.
    pub(super) fn number(&self, name: &str) -> f64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(0.0)
    }

    /// Returns the samples with this prefix.
    pub(super) fn of_family<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(move |(own, _)| own.starts_with(name))
    }

    /// Fails unless the sample has this value; `None` expects no sample.
    pub(super) fn expect(&self, name: &str, value: Option<&dyn Display>) -> Result<(), Fault> {
        let (found, expected) = (self.get(name), value.map(ToString::to_string));
        if found == expected.as_deref() {
            return Ok(());
        }
        let show = |value: Option<&str>| value.map_or_else(|| "not there".to_owned(), ToOwned::to_owned);
        let family = name.split(['{', ' ']).next().unwrap_or(name);
        let others: Vec<_> = self.of_family(family).collect();
        let (found, expected) = (show(found), show(expected.as_deref()));
        Err(format!("`{name}` is {found} where it should be {expected}, among {others:?}").into())
    }

    /// Fails unless the sample has this value.
    pub(super) fn is(&self, name: &str, value: impl Display) -> Result<(), Fault> {
        self.expect(name, Some(&value))
    }

    /// Fails if the sample exists.
    pub(super) fn is_absent(&self, name: &str) -> Result<(), Fault> {
        self.expect(name, None)
    }
}

/// Fails with the message unless the condition holds.
pub(super) fn ensure(is_so: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if is_so { Ok(()) } else { Err(what().into()) }
}
