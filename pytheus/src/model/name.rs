//! The rules of Prometheus for names, as `const fn`s, in a single place.
//!
//! The compiler evaluates them for macros, under the span of the user's own literal or constant; code at run time calls
//! them as ordinary functions. Each returns the right form as its error.
//!
//! Source: the [data model](https://prometheus.io/docs/concepts/data_model/) of Prometheus.
#![allow(clippy::missing_errors_doc, reason = "the error is the verdict")]

/// The verdict on a name or list: the reason of a refusal.
pub type Verdict = Result<(), &'static str>;

/// Checks a name against `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub const fn metric_name(name: &str) -> Verdict {
    if matches_name(name, true) { Ok(()) } else { Err("invalid metric name: expected [a-zA-Z_:][a-zA-Z0-9_:]*") }
}

/// Checks a name against `[a-zA-Z_][a-zA-Z0-9_]*`, without the `__` that Prometheus reserves.
pub const fn label_name(name: &str) -> Verdict {
    if !matches_name(name, false) {
        return Err("invalid label name: expected [a-zA-Z_][a-zA-Z0-9_]*");
    }
    let bytes = name.as_bytes();
    if bytes.len() >= 2 && bytes[0] == b'_' && bytes[1] == b'_' {
        return Err("invalid label name: names that start with `__` are kept for Prometheus itself");
    }
    Ok(())
}

/// The maximum number of buckets: the cells of a histogram lie in one page.
pub(crate) const MAX_BUCKETS: usize = 500;

/// Checks for strictly rising bounds without NaN; `+Inf` may end the list, and is added if missing.
#[allow(clippy::float_cmp, reason = "bounds are compared as they are given")]
pub const fn buckets(bounds: &[f64]) -> Verdict {
    if bounds.is_empty() {
        return Err("a histogram needs at least one bucket: leave `buckets` out for the default eleven");
    }
    if bounds.len() == 1 && bounds[0] == f64::INFINITY {
        return Err("`+Inf` alone is no bucket: name at least one finite bound");
    }
    if bounds.len() > MAX_BUCKETS {
        return Err("a histogram has at most 500 buckets: each is a series of its own in Prometheus");
    }
    let mut i = 0;
    while i < bounds.len() {
        if bounds[i].is_nan() {
            return Err("a bucket bound can't be NaN");
        }
        if bounds[i] == f64::NEG_INFINITY {
            return Err("a bucket bound can't be -Inf: nothing would fall into it");
        }
        if i > 0 && bounds[i] == bounds[i - 1] {
            return Err("a bucket bound is given twice");
        }
        if i > 0 && bounds[i] < bounds[i - 1] {
            return Err("bucket bounds must be in rising order");
        }
        i += 1;
    }
    Ok(())
}

/// Checks that the name ends in `_unit` (a counter's also in `_unit_total`), and that the unit is a name.
pub const fn unit(name: &str, unit: &str, counter: bool) -> Verdict {
    if !matches_name(unit, false) {
        return Err("invalid unit: expected a plural word in lower case, such as `seconds` or `bytes`");
    }
    let name = if counter { strip_suffix(name.as_bytes(), b"_total") } else { name.as_bytes() };
    let unit = unit.as_bytes();
    if name.len() > unit.len() && ends_with(name, unit) && name[name.len() - unit.len() - 1] == b'_' {
        Ok(())
    } else if counter {
        Err("the name must end in its unit and `_total`, for instance `sent_bytes_total` with the unit `bytes`")
    } else {
        Err("the name must end in its unit, for instance `request_seconds` with the unit `seconds`")
    }
}

/// Checks that the name of an info metric ends in `_info`.
pub const fn info_name(name: &str) -> Verdict {
    if ends_with(name.as_bytes(), b"_info") { Ok(()) } else { Err("the name of an info metric must end in `_info`") }
}

/// Checks that the name of a state set can be a label, as that of its states.
pub const fn state_set_name(name: &str) -> Verdict {
    if label_name(name).is_ok() {
        Ok(())
    } else {
        Err("invalid name of a state set: its states stand under a label of that name, which has no `:` and does not \
             start with `__`")
    }
}

/// Checks that a label does not have the name of its state set, the label of the states.
pub const fn state_set_label(name: &str, label: &str) -> Verdict {
    if name.len() == label.len() && ends_with(name.as_bytes(), label.as_bytes()) {
        return Err("invalid label name: the states of a state set stand under its own name");
    }
    Ok(())
}

/// Checks that no label of a set has the name of one that samples of the metric have of themselves.
pub const fn label_set(
    labels: &[(&'static str, Option<&'static [&'static str]>)],
    own: Option<&str>,
    state_set: Option<&str>,
) -> Verdict {
    let mut i = 0;
    while i < labels.len() {
        let label = labels[i].0;
        if let Some(own) = own
            && own.len() == label.len()
            && ends_with(own.as_bytes(), label.as_bytes())
        {
            return Err(
                "invalid label name in this set: `le` of a histogram, `quantile` of a summary and `pid` of a gauge per process \
                 stand beside its labels",
            );
        }
        if let Some(name) = state_set
            && let Err(why) = state_set_label(name, label)
        {
            return Err(why);
        }
        i += 1;
    }
    Ok(())
}

/// Checks a limit of series.
pub const fn limit(limit: usize) -> Verdict {
    if limit > 0 { Ok(()) } else { Err("a limit of 0 would allow no series") }
}

/// Checks the values of the type of a state set.
pub const fn states(values: Option<&'static [&'static str]>) -> Verdict {
    match values {
        Some(values) if values.len() <= MAX_STATES => Ok(()),
        Some(_) => Err("a state set has at most 64 states"),
        None => Err("the states must be an enum that derives `LabelValue`"),
    }
}

/// The maximum number of states of a state set.
pub const MAX_STATES: usize = 64;

/// The maximum number of series at zero before the first count.
pub const MAX_ZERO_SERIES: usize = 1_000;

/// Checks that all combinations may be exposed at zero, where each label has a closed set.
pub const fn zero_series(sets: &[Option<&'static [&'static str]>], limit: Option<usize>) -> Verdict {
    let mut combinations: usize = 1;
    let mut i = 0;
    while i < sets.len() {
        match sets[i] {
            Some(values) => combinations = combinations.saturating_mul(values.len()),
            None => return Ok(()),
        }
        i += 1;
    }
    if combinations > MAX_ZERO_SERIES {
        return Err(
            "these labels have more than 1000 combinations, too many to expose at zero: turn `zero_series` off to \
                    expose a series when it is first counted",
        );
    }
    match limit {
        Some(limit) if combinations > limit => {
            Err("these labels have more combinations to expose at zero than the limit allows: raise the limit, or \
                 turn `zero_series` off")
        }
        _ => Ok(()),
    }
}

const fn matches_name(name: &str, colons: bool) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return false;
    }
    let mut i = 0;
    while i < bytes.len() {
        let fits = match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b':' => colons,
            b'0'..=b'9' => i > 0,
            _ => false,
        };
        if !fits {
            return false;
        }
        i += 1;
    }
    true
}

const fn strip_suffix<'a>(name: &'a [u8], suffix: &[u8]) -> &'a [u8] {
    if ends_with(name, suffix) { name.split_at(name.len() - suffix.len()).0 } else { name }
}

const fn ends_with(text: &[u8], suffix: &[u8]) -> bool {
    if text.len() < suffix.len() {
        return false;
    }
    let mut i = 0;
    while i < suffix.len() {
        if text[text.len() - suffix.len() + i] != suffix[i] {
            return false;
        }
        i += 1;
    }
    true
}
