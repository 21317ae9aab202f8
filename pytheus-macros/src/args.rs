//! The arguments of `#[counter]`, `#[gauge]`, `#[histogram]` and `#[summary]`.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Ident, LitStr, Pat, Path, Result, Token, parenthesized};

use crate::errors::{Errors, list, nearest, suggest};
use crate::options::{Arg, Kind, Label, Options, fill, read_expr, read_labels, read_list, read_path};

/// The arguments between the parentheses of an attribute.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) krate: Arg<Path>,
    /// An existing metric to count in.
    pub(crate) handle: Option<Expr>,
    pub(crate) options: Options,
    pub(crate) labels: Arg<Vec<Label>>,
    pub(crate) on: Arg<On>,
    /// Whether the returned value is an error.
    pub(crate) error: Arg<Expr>,
    /// The kind of the returned value, where its type doesn't show it.
    pub(crate) future: Arg<Returned>,
    /// The effects of a gauge.
    pub(crate) flags: Vec<Ident>,
}

/// The counted calls.
pub(crate) enum On {
    /// Calls with one of these outcomes.
    Words(Vec<Ident>),
    /// Calls with a returned value of this pattern, under the guard.
    Pattern(Box<(Pat, Option<Expr>)>),
}

/// The kind of a returned future, where its type doesn't show one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returned {
    /// A boxed future: the call lasts until it ends.
    Boxed,
    /// A value like any other: the call ends when the function returns it.
    Untracked,
}

/// The words of `on`.
const WORDS: [&str; 5] = ["start", "ok", "error", "panicked", "cancelled"];

/// The effects of a call on a gauge.
pub(crate) const FLAGS: [&str; 3] = ["track_inprogress", "time", "set_to_current_time"];

/// The options of an attribute of this kind.
fn known(kind: Kind) -> Vec<&'static str> {
    let mut known = vec![
        "name",
        "help",
        "labels",
        "on",
        "error",
        "unit",
        "namespace",
        "limit",
        "zero_series",
        "registry",
        "future",
        "crate",
    ];
    match kind {
        Kind::Histogram => known.push("buckets"),
        Kind::Gauge => {
            known.push("mode");
            known.extend(FLAGS);
        }
        _ => {}
    }
    known
}

impl Args {
    /// Reads the arguments, as far as they can be read.
    pub(crate) fn read(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let mut first = true;
        let read = |input: ParseStream<'_>| {
            read_list(input, errors, |input, errors| args.read_one(kind, input, std::mem::take(&mut first), errors));
            Ok(())
        };
        // Tokens left over in a group after a mistake are no further mistake.
        let read = read.parse2(tokens);
        if errors.is_empty() {
            errors.keep(read);
        }
        args
    }

    fn read_one(&mut self, kind: Kind, input: ParseStream<'_>, first: bool, errors: &mut Errors) -> Result<()> {
        let alone = input.peek2(Token![,]) || is_last(input);
        let option = input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==]);
        let word =
            input.fork().call(Ident::parse_any).ok().filter(|_| option || alone || input.peek2(syn::token::Paren));
        match word {
            Some(key) if option => {
                input.call(Ident::parse_any)?;
                input.parse::<Token![=]>()?;
                self.read_option(kind, &key, input)
            }
            Some(key) if key == "labels" && !alone => {
                input.parse::<Ident>()?;
                let inside;
                parenthesized!(inside in input);
                let labels = read_labels(&inside, errors);
                fill(&mut self.labels, &key, input, |_| Ok(labels))
            }
            Some(key) if alone && FLAGS.contains(&key.to_string().as_str()) => {
                self.flags.push(input.parse()?);
                Ok(())
            }
            Some(key) if alone && known(kind).contains(&key.to_string().as_str()) => {
                input.call(Ident::parse_any)?;
                let form = if key == "labels" { "(..)" } else { " = .." };
                Err(syn::Error::new(key.span(), format!("`{key}` needs a value: `{key}{form}`")))
            }
            Some(key) if !alone && !first && input.peek2(syn::token::Paren) => {
                Err(if known(kind).contains(&key.to_string().as_str()) {
                    syn::Error::new(key.span(), format!("write `{key} = ..`"))
                } else {
                    unknown(kind, &key)
                })
            }
            Some(key) if alone && !first => {
                input.call(Ident::parse_any)?;
                let slip = nearest(&key.to_string(), &known(kind)).is_some();
                if self.handle.is_some() && !slip {
                    return Err(syn::Error::new(key.span(), "an attribute counts in one metric: stack two attributes"));
                }
                Err(unknown(kind, &key))
            }
            _ => self.read_handle(kind, input, first),
        }
    }

    fn read_option(&mut self, kind: Kind, key: &Ident, input: ParseStream<'_>) -> Result<()> {
        let text = key.to_string();
        match text.as_str() {
            "crate" => fill(&mut self.krate, key, input, read_path),
            "on" => fill(&mut self.on, key, input, On::parse),
            "error" => fill(&mut self.error, key, input, read_expr),
            "future" => fill(&mut self.future, key, input, Returned::parse),
            "labels" => Err(syn::Error::new(key.span(), "labels stand in parentheses: `labels(queue = job.queue())`")),
            _ if FLAGS.contains(&text.as_str()) => {
                Err(syn::Error::new(key.span(), format!("`{key}` is a word of its own, without a value")))
            }
            _ if self.options.read(key, input)? => Ok(()),
            _ => Err(unknown(kind, key)),
        }
    }

    fn read_handle(&mut self, kind: Kind, input: ParseStream<'_>, first: bool) -> Result<()> {
        let expr = read_expr(input)?;
        let attribute = kind.name().to_lowercase();
        if matches!(&expr, Expr::Lit(_)) {
            let message = format!("a new metric is named with `#[{attribute}(name = ..)]`");
            return Err(syn::Error::new(expr.span(), message));
        }
        if !first || self.handle.is_some() {
            let message = "expected `option = value`; an existing metric would be the first argument";
            return Err(syn::Error::new(expr.span(), message));
        }
        if input.peek(Token![:]) {
            return Err(input.error("expected `=`: options are written `name = \"..\"`"));
        }
        self.handle = Some(expr);
        Ok(())
    }
}

fn is_last(input: ParseStream<'_>) -> bool {
    let rest = input.fork();
    rest.call(Ident::parse_any).is_ok() && rest.is_empty()
}

fn unknown(kind: Kind, key: &Ident) -> syn::Error {
    let attribute = kind.name().to_lowercase();
    let help = suggest(&key.to_string(), &known(kind));
    syn::Error::new(key.span(), format!("`#[{attribute}]` has no option `{key}`: {help}"))
}

impl Returned {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let place = input.span();
        let message = match input.parse::<Ident>() {
            Ok(word) if word == "boxed" => return Ok(Self::Boxed),
            Ok(word) if word == "untracked" => return Ok(Self::Untracked),
            Ok(word) if nearest(&word.to_string(), &["boxed", "untracked"]).is_some() => {
                format!("no such future `{word}`: {}", suggest(&word.to_string(), &["boxed", "untracked"]))
            }
            _ => "expected `boxed`, for a call that lasts until the boxed future ends, or `untracked`, for one that ends \
                  when the future is made"
                .to_owned(),
        };
        Err(syn::Error::new(place, message))
    }
}

impl On {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let start = input.span();
        let quoted = input.fork().parse().map_or_else(|_| String::new(), |text: LitStr| text.value());
        if WORDS.contains(&quoted.as_str()) {
            skip_to_next(input);
            return Err(syn::Error::new(start, format!("expected an outcome, without quotes: `on = {quoted}`")));
        }
        if input.is_empty() || input.peek(Token![,]) {
            return Err(input.error(format!("expected {}, or a pattern of the returned value", list(&WORDS))));
        }
        let pattern = Pat::parse_multi_with_leading_vert(input).map_err(|error| {
            skip_to_next(input);
            syn::Error::new(error.span(), format!("expected {}, or a pattern of the returned value", list(&WORDS)))
        })?;
        let alternatives = match &pattern {
            Pat::Or(any) => any.cases.clone(),
            one => Punctuated::from_iter([one.clone()]),
        };
        let words: Vec<_> = alternatives.iter().filter_map(as_word).collect();
        let place = input.span();
        let guard: Option<Token![if]> = input.parse()?;
        let guard = guard.map(|_| read_expr(input)).transpose()?;
        if words.is_empty() {
            return Ok(Self::Pattern(Box::new((pattern, guard))));
        }
        if guard.is_some() {
            return Err(syn::Error::new(place, "a condition goes with a pattern: `on = Err(code) if *code > 3`"));
        }
        if words.len() < alternatives.len() {
            return Err(syn::Error::new(start, "either words or a pattern, not both: stack two attributes"));
        }
        for word in &words {
            let text = word.to_string();
            if !WORDS.contains(&text.as_str()) {
                let help = suggest(&text, &WORDS);
                return Err(syn::Error::new(word.span(), format!("no such outcome `{text}`: {help}")));
            }
            if text == "start" && words.len() > 1 {
                return Err(syn::Error::new(word.span(), "`start` is every call already: leave the other words out"));
            }
        }
        Ok(Self::Words(words))
    }

    /// Every call counts, so nothing need be known about its end.
    pub(crate) fn is_call(&self) -> bool {
        matches!(self, Self::Words(words) if words.iter().any(|word| word == "start"))
    }
}

/// A lower-case name is a word of ours; a capital one names a variant or a constant, such as `None`.
fn as_word(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(name)
            if name.by_ref.is_none()
                && name.mutability.is_none()
                && name.subpat.is_none()
                && name.ident.to_string().starts_with(char::is_lowercase) =>
        {
            Some(name.ident.clone())
        }
        _ => None,
    }
}

fn skip_to_next(input: ParseStream<'_>) {
    crate::options::skip_until(input, |input| input.peek(Token![,]));
}
