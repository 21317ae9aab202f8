//! Suggestions for unknown names.

/// The known name that is closest to this one, unless all are far off.
pub(crate) fn suggest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let near = known.into_iter().map(|known| (distance(&name, &known.to_lowercase()), known));
    let (distance, known) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.chars().count().max(known.chars().count()) / 3).then_some(known)
}

/// The name itself, where it is so close to a known one that it is a slip of it: any other may be a secret, and is not to
/// be shown.
pub(crate) fn slip<'a, 'b>(name: &'b str, known: impl IntoIterator<Item = &'a str>) -> Option<&'b str> {
    let lower = name.to_lowercase();
    // Quotes and blanks around it are no secret.
    let lower = lower.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let is_close = |known: &str| distance(lower, &known.to_lowercase()) <= (known.chars().count() / 3).min(2);
    known.into_iter().any(is_close).then_some(name)
}

/// How many characters must be put in, left out, replaced or swapped with the next to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (one.chars().collect(), other.chars().collect());
    // From the beginnings of `one` that were looked at last to each beginning of `other`.
    let (mut before, mut last): (Vec<_>, Vec<_>) = (Vec::new(), (0..=other.len()).collect());
    for (i, c) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, d) in other.iter().enumerate() {
            let mut steps = (last[j] + usize::from(c != d)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *c == other[j - 1] && one[i - 1] == *d {
                steps = steps.min(before[j - 1] + 1);
            }
            row.push(steps);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["directory", "allow_others", "key_prefix"];
        assert_eq!(suggest("directry", known), Some("directory"));
        assert_eq!(suggest("Allow-Others", known), Some("allow_others"));
        assert_eq!(suggest("colour", known), None);
        assert_eq!(suggest("", known), None);
        assert_eq!(suggest("directory", []), None);
    }

    #[test]
    fn the_distance_counts_the_characters_that_change() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("größe", "grösse"), 2);
        assert_eq!(distance("prot", "port"), 1);
    }
}
