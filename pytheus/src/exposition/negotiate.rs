//! Content negotiation ([RFC 9110, section 12.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1)): from the `Accept`
//! header of a scraper to a format.

use mediatype::{MediaType, MediaTypeList, Name, ReadParams as _};

use super::Format;

/// The length in bytes from which a header counts as broken. The longest header of a known scraper has 400 bytes.
const MAX_ACCEPT: usize = 8 * 1024;

/// The rewriting of names outside of `[a-zA-Z_:][a-zA-Z0-9_:]*`, for scrapers that cannot read them.
///
/// A scraper names its [scheme](https://prometheus.io/docs/instrumenting/escaping_schemes/) in the `Accept` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Escaping {
    /// None: such names stand in quotes.
    AllowUtf8,
    /// Each such character becomes `_`. The default.
    Underscores,
    /// `.` becomes `_dot_`, `_` becomes `__`, and each other such character becomes `__`.
    Dots,
    /// The name begins with `U__`, `_` becomes `__`, and each such character becomes its code between two `_`.
    Values,
}

impl Escaping {
    const ALL: [Self; 4] = [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values];

    /// Returns the name of the scheme in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }
}

/// The result of a negotiation: a format, and the parameters of its content type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Negotiated {
    format: Format,
    /// None: the format's own.
    version: Option<&'static str>,
    escaping: Option<Escaping>,
}

impl Negotiated {
    /// Returns the format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the escaping scheme for names: [`Escaping::Underscores`] unless the scraper named another one.
    pub fn escaping(&self) -> Escaping {
        self.escaping.unwrap_or(Escaping::Underscores)
    }

    /// Returns the value of the header `Content-Type`.
    ///
    /// Prometheus 3 refuses a reply without one. The scheme of escaping is part of it if the scraper named one, for text
    /// 1.0.0 and `OpenMetrics` 1.0.0.
    ///
    /// ```
    /// use pytheus::exposition::Format;
    ///
    /// let negotiated = Format::negotiate("application/openmetrics-text;version=1.0.0;escaping=dots");
    /// assert_eq!(
    ///     negotiated.content_type(),
    ///     "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots"
    /// );
    /// ```
    pub fn content_type(&self) -> String {
        if let Some(version) = self.version {
            return format!("application/openmetrics-text; version={version}; charset=utf-8");
        }
        let mut content_type = self.format.content_type().to_owned();
        if let (Format::OpenMetrics | Format::Text1, Some(escaping)) = (self.format, self.escaping) {
            content_type.push_str("; escaping=");
            content_type.push_str(escaping.as_str());
        }
        content_type
    }
}

impl Default for Negotiated {
    /// Returns Prometheus text 0.0.4, the answer to a scraper without a wish.
    fn default() -> Self {
        Self { format: Format::Text, version: None, escaping: None }
    }
}

impl Format {
    /// Negotiates the format for the `Accept` header of a scraper; an empty text stands for no header.
    ///
    /// - The clause with the highest `q` counts, and the first of equal ones. A `q` that is missing, above 1 or not a number
    ///   is 1; 0 excludes the clause.
    /// - `*/*` and the like never win against a format by name, and mean Prometheus text 0.0.4.
    /// - `text/plain` without a version is 0.0.4, `application/openmetrics-text` without one is 0.0.1. A version unknown to
    ///   the library does not count.
    /// - Protobuf needs both `proto=io.prometheus.client.MetricFamily` and `encoding=delimited`.
    /// - The escaping is that of the clause. Prometheus 3 gives none for protobuf: that of another clause counts there.
    /// - Anything else, such as a broken header, a web browser's, or one of more than 8 KiB, gets Prometheus text 0.0.4.
    ///
    /// ```
    /// use pytheus::exposition::Format;
    ///
    /// let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    /// assert_eq!(Format::negotiate(accept).format(), Format::OpenMetrics);
    /// assert_eq!(Format::negotiate("*/*").format(), Format::Text);
    /// ```
    pub fn negotiate(accept: &str) -> Negotiated {
        let mut best = (0.0, Negotiated::default());
        let mut first_escaping = None;
        if accept.len() > MAX_ACCEPT {
            return best.1;
        }
        for clause in MediaTypeList::new(accept).flatten() {
            let escaping = escaping_of(&clause);
            first_escaping = first_escaping.or(escaping);
            let Some((format, version)) = format_of(&clause) else { continue };
            let weight = clause.get_param(Name::new_unchecked("q")).map_or(1.0, |q| weight(&q.unquoted_str()));
            if weight > best.0 {
                best = (weight, Negotiated { format, version, escaping });
            }
        }
        let mut negotiated = best.1;
        if negotiated.format == Format::Protobuf {
            negotiated.escaping = negotiated.escaping.or(first_escaping);
        }
        negotiated
    }
}

/// Reads a weight, from 0 to 1.
pub(super) fn weight(q: &str) -> f32 {
    let weight = q.trim().parse().ok();
    weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(1.0)
}

/// Returns whether a parameter has this value, in capitals or not.
fn has(clause: &MediaType<'_>, parameter: &'static str, expected: &str) -> bool {
    let value = clause.get_param(Name::new_unchecked(parameter));
    value.is_some_and(|value| value.unquoted_str().eq_ignore_ascii_case(expected))
}

fn escaping_of(clause: &MediaType<'_>) -> Option<Escaping> {
    Escaping::ALL.into_iter().find(|escaping| has(clause, "escaping", escaping.as_str()))
}

/// Finds the format that a clause names, and the version where that is not the format's own.
fn format_of(clause: &MediaType<'_>) -> Option<(Format, Option<&'static str>)> {
    if clause.suffix.is_some() {
        return None;
    }
    let essence = (clause.ty.as_str().to_ascii_lowercase(), clause.subty.as_str().to_ascii_lowercase());
    let has_version = clause.get_param(Name::new_unchecked("version")).is_some();
    let is_version = |version| has(clause, "version", version);
    match (&*essence.0, &*essence.1) {
        ("application", "openmetrics-text") if is_version("1.0.0") => Some((Format::OpenMetrics, None)),
        ("application", "openmetrics-text") if !has_version || is_version("0.0.1") => {
            Some((Format::OpenMetrics, Some("0.0.1")))
        }
        ("text", "plain") if !has_version || is_version("0.0.4") => Some((Format::Text, None)),
        ("text", "plain") if is_version("1.0.0") => Some((Format::Text1, None)),
        ("application", "vnd.google.protobuf")
            if has(clause, "proto", "io.prometheus.client.MetricFamily") && has(clause, "encoding", "delimited") =>
        {
            Some((Format::Protobuf, None))
        }
        _ => None,
    }
}
