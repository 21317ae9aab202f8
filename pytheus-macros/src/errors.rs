//! Every mistake of one invocation, shown at once.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far. Dropping them unread panics, as in serde's
/// [`Ctxt`](https://github.com/serde-rs/serde/blob/master/serde_derive/src/internals/ctxt.rs).
#[derive(Default)]
#[must_use = "mistakes must be shown"]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    is_read: bool,
}

impl Errors {
    /// Adds a mistake.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            None => self.found = Some(error),
            Some(errors) => {
                // The functions of a block share the arguments of its attribute, and the mistakes in them.
                let text = |error: &syn::Error| (error.to_string(), format!("{:?}", error.span()));
                for error in error {
                    if !errors.clone().into_iter().any(|known| text(&known) == text(&error)) {
                        errors.combine(error);
                    }
                }
            }
        }
    }

    /// Adds a mistake in these tokens.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake at this place.
    pub(crate) fn at_span(&mut self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Returns the value, or adds the mistake in its place.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_none()
    }

    /// Moves the mistakes of another list into this one.
    pub(crate) fn extend(&mut self, mut other: Self) {
        if let Some(error) = other.take() {
            self.push(error);
        }
    }

    /// Joins the mistakes with the last one, the end of the reading.
    pub(crate) fn ended_by(mut self, error: syn::Error) -> syn::Error {
        self.push(error.clone());
        self.take().unwrap_or(error)
    }

    /// Writes a `compile_error!` for each mistake.
    pub(crate) fn into_tokens(mut self) -> TokenStream {
        self.take().map(|errors| errors.to_compile_error()).unwrap_or_default()
    }

    fn take(&mut self) -> Option<syn::Error> {
        self.is_read = true;
        self.found.take()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.is_read || std::thread::panicking(), "mistakes were dropped unread");
    }
}

/// Suggests the nearest known word, or lists them all.
pub(crate) fn suggest(given: &str, known: &[&str]) -> String {
    match nearest(given, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("expected one of {}", list(known)),
    }
}

/// Words of other libraries, and of this one before its first release, beside those of today.
const SYNONYMS: [(&str, &str); 9] = [
    ("zeros", "zero_series"),
    ("call", "start"),
    ("made", "untracked"),
    ("description", "help"),
    ("documentation", "help"),
    ("subsystem", "namespace"),
    ("prefix", "namespace"),
    ("bounds", "buckets"),
    ("label_names", "labels"),
];

/// Finds the known word for a synonym, or a slip or two away.
pub(crate) fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == given).map(|(_, word)| word);
    if let Some(word) = synonym.and_then(|word| known.iter().find(|known| *known == word)) {
        return Some(word);
    }
    let distance = |word: &&str| edits(&given.to_lowercase(), &word.to_lowercase());
    let word = known.iter().min_by_key(|word| distance(word))?;
    (distance(word) <= 1 + given.len() / 4).then_some(word)
}

/// Lists the words, each in backticks.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

/// Counts the edits from one word to the other: the [Levenshtein distance](https://en.wikipedia.org/wiki/Levenshtein_distance).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
