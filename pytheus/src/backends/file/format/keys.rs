//! Families and series as records name them.

use std::sync::Arc;

use crate::backends::custom::{FamilyKey, SeriesKey};
use crate::backends::file::format::FormatError;

/// Parses a family from its [JSON](FamilyKey::to_json).
pub(crate) fn parse_family(json: &[u8]) -> Result<Arc<FamilyKey>, FormatError> {
    let wrong = |what: String| FormatError::corrupt(format!("a family can't be read: {what}"));
    let json = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
    FamilyKey::from_json(&json).map(Arc::new).map_err(|error| wrong(error.to_string()))
}

/// Parses a series from the [parts](SeriesKey::parts) of its key, which have to be those that this crate makes.
pub(crate) fn parse_series(family: &FamilyKey, head: &[u8], text: &str) -> Result<SeriesKey, FormatError> {
    let wrong = || FormatError::corrupt(format!("the labels of a series of {family} are not its labels"));
    key_of(family, head, text).ok_or_else(wrong)
}

fn key_of(family: &FamilyKey, head: &[u8], text: &str) -> Option<SeriesKey> {
    let specs = &family.descriptor().labels;
    let mut values = Vec::with_capacity(specs.len());
    if head.len() == specs.len() * 2 {
        let mut rest = text;
        for (spec, len) in specs.iter().zip(head.chunks_exact(2)) {
            let len = usize::from(u16::from_le_bytes(len.try_into().ok()?));
            let mut value = "";
            if len != 0 {
                rest = rest.get(usize::from(rest.len() != text.len())..)?.get(spec.name().len() + 2..)?;
                (value, rest) = (rest.get(..len)?, rest.get(len + 1..)?);
            }
            values.push(value);
        }
    } else {
        let (lens, exposed) = head.split_last_chunk::<4>()?;
        let long = |len: [u8; 4]| usize::try_from(u32::from_le_bytes(len)).ok();
        let mut rest = text.get(long(*exposed)?..)?;
        for len in lens.chunks(4) {
            let (value, after) = rest.split_at_checked(long(len.try_into().ok()?)?)?;
            values.push(value);
            rest = after;
        }
        if values.len() != specs.len() {
            return None;
        }
    }
    // Only the parts that this crate makes are found again by their key.
    let key = SeriesKey::new(family, &values);
    (key.parts() == (head, text)).then_some(key)
}
