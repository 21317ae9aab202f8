//! The shared options of attributes and `metric!`, and the one way to read a list of them.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Expr, Ident, LitBool, Result, Token, Type, parenthesized};

use crate::errors::{Errors, suggest};

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Info,
    StateSet,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Counter, Self::Gauge, Self::Histogram, Self::Summary, Self::Info, Self::StateSet];

    /// The name of its type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "Counter",
            Self::Gauge => "Gauge",
            Self::Histogram => "Histogram",
            Self::Summary => "Summary",
            Self::Info => "Info",
            Self::StateSet => "StateSet",
        }
    }

    /// The name of its type as a token.
    pub(crate) fn ident(self, span: Span) -> Ident {
        Ident::new(self.name(), span)
    }

    /// The reserved label of its samples.
    pub(crate) fn own_label(self) -> Option<&'static str> {
        match self {
            Self::Histogram => Some("le"),
            Self::Summary => Some("quantile"),
            _ => None,
        }
    }
}

/// A given argument: its key, the place for errors about it, and its value.
pub(crate) struct Keyed<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// An argument for one use at most.
pub(crate) type Arg<T> = Option<Keyed<T>>;

/// Reads the value of an argument into its empty slot.
pub(crate) fn fill<T>(
    slot: &mut Arg<T>,
    key: &Ident,
    input: ParseStream<'_>,
    read: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<()> {
    let value = read(input)?;
    if slot.is_some() {
        return Err(syn::Error::new(key.span(), format!("`{key}` is given twice")));
    }
    *slot = Some(Keyed { key: key.clone(), value });
    Ok(())
}

/// Reads items between commas; a mistake in one doesn't hide the mistakes in the others.
pub(crate) fn read_list(
    input: ParseStream<'_>,
    errors: &mut Errors,
    mut item: impl FnMut(ParseStream<'_>, &mut Errors) -> Result<()>,
) {
    while !input.is_empty() {
        let read = item(input, errors);
        let read = read.and_then(|()| {
            if input.is_empty() || input.peek(Token![,]) { Ok(()) } else { Err(input.error("expected `,`")) }
        });
        if errors.keep(read).is_none() {
            skip_until(input, |input| input.peek(Token![,]));
        }
        // Present by now, unless this is the end.
        let _: Option<Token![,]> = input.parse().ok();
    }
}

/// Skips tokens up to the first wanted one, or the end.
pub(crate) fn skip_until(input: ParseStream<'_>, wanted: impl Fn(ParseStream<'_>) -> bool) {
    while !input.is_empty() && !wanted(input) {
        let _: Result<TokenTree> = input.parse();
    }
}

/// Reads the rest, so nothing is reported as unexpected after an error.
pub(crate) fn skip_all(input: ParseStream<'_>) {
    skip_until(input, |_| false);
}

/// The options of a declaration in slots of their own.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Arg<Expr>,
    pub(crate) help: Arg<Expr>,
    pub(crate) namespace: Arg<Expr>,
    pub(crate) unit: Arg<Expr>,
    pub(crate) buckets: Arg<Buckets>,
    pub(crate) mode: Arg<Ident>,
    pub(crate) limit: Arg<Expr>,
    pub(crate) zero_series: Arg<LitBool>,
    pub(crate) registry: Arg<Registry>,
}

impl Options {
    /// Reads the value of the option `key`; false when there is no such option.
    pub(crate) fn read(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<bool> {
        match key.to_string().as_str() {
            "name" => fill(&mut self.name, key, input, read_expr),
            "help" => fill(&mut self.help, key, input, read_expr),
            "namespace" => fill(&mut self.namespace, key, input, read_expr),
            "unit" => fill(&mut self.unit, key, input, read_expr),
            "buckets" => fill(&mut self.buckets, key, input, Buckets::parse),
            "mode" => fill(&mut self.mode, key, input, read_mode),
            "limit" => fill(&mut self.limit, key, input, read_expr),
            "zero_series" => fill(&mut self.zero_series, key, input, read_bool),
            "registry" => fill(&mut self.registry, key, input, Registry::parse),
            _ => return Ok(false),
        }?;
        Ok(true)
    }

    /// The given keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Ident> {
        fn key<T>(arg: Option<&Keyed<T>>) -> Option<&Ident> {
            arg.map(|arg| &arg.key)
        }
        [
            key(self.name.as_ref()),
            key(self.help.as_ref()),
            key(self.namespace.as_ref()),
            key(self.unit.as_ref()),
            key(self.buckets.as_ref()),
            key(self.mode.as_ref()),
            key(self.limit.as_ref()),
            key(self.zero_series.as_ref()),
            key(self.registry.as_ref()),
        ]
        .into_iter()
        .flatten()
    }
}

/// Reads an expression; an option without one is told so.
pub(crate) fn read_expr(input: ParseStream<'_>) -> Result<Expr> {
    if input.is_empty() || input.peek(Token![,]) {
        return Err(input.error("expected a value"));
    }
    input.parse()
}

/// Reads the value of `crate`.
pub(crate) fn read_path(input: ParseStream<'_>) -> Result<syn::Path> {
    let place = input.span();
    let refuse = |_| syn::Error::new(place, "expected a path, without quotes: `crate = my_crate::pytheus`");
    input.call(syn::Path::parse_mod_style).map_err(refuse)
}

fn read_bool(input: ParseStream<'_>) -> Result<LitBool> {
    input.parse().map_err(|error| syn::Error::new(error.span(), "expected `true` or `false`"))
}

/// The word of each mode and its variant of `GaugeMode`.
const MODES: [(&str, &str); 7] = [
    ("shared", "Shared"),
    ("live_sum", "LiveSum"),
    ("live_min", "LiveMin"),
    ("live_max", "LiveMax"),
    ("most_recent", "MostRecent"),
    ("live_most_recent", "LiveMostRecent"),
    ("per_process", "PerProcess"),
];

/// Reads a mode as its variant of `GaugeMode`.
fn read_mode(input: ParseStream<'_>) -> Result<Ident> {
    let words = MODES.map(|(word, _)| word);
    let given: Ident = input
        .parse()
        .map_err(|error| syn::Error::new(error.span(), format!("expected one of {}", crate::errors::list(&words))))?;
    let named = MODES.iter().find(|(word, _)| given == word);
    named.map(|(_, variant)| Ident::new(variant, given.span())).ok_or_else(|| {
        syn::Error::new(given.span(), format!("no such mode `{given}`: {}", suggest(&given.to_string(), &words)))
    })
}

/// The bounds of a histogram's buckets.
pub(crate) enum Buckets {
    /// `linear(start, width, count)` or `exponential(start, factor, count)`.
    Spread { by: Ident, arguments: Box<[Expr; 3]> },
    /// A list, or a constant.
    Bounds(Expr),
}

impl Parse for Buckets {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let spread = input.fork().parse::<Ident>().is_ok_and(|by| by == "linear" || by == "exponential");
        if !spread || !input.peek2(syn::token::Paren) {
            return read_expr(input).map(Self::Bounds);
        }
        let by: Ident = input.parse()?;
        let inside;
        parenthesized!(inside in input);
        let step = if by == "linear" { "width" } else { "factor" };
        let bounds = inside.call(|inside| inside.parse_terminated(Expr::parse, Token![,]))?;
        let count = bounds.len();
        let arguments = Box::<[Expr; 3]>::try_from(bounds.into_iter().collect::<Vec<_>>()).map_err(|_| {
            syn::Error::new(
                by.span(),
                format!("expected `{by}(start, {step}, count)`, and there are {count} arguments"),
            )
        })?;
        Ok(Self::Spread { by, arguments })
    }
}

/// Where a metric is registered.
pub(crate) enum Registry {
    Nowhere,
    At(Expr),
}

impl Parse for Registry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let word = input.fork().parse::<Ident>().ok();
        if word.is_some_and(|word| word == "none") && !input.peek2(Token![::]) {
            input.parse::<Ident>()?;
            return Ok(Self::Nowhere);
        }
        read_expr(input).map(Self::At)
    }
}

/// `name`, `name: Type`, `name = value` or `name: Type = value`.
pub(crate) struct Label {
    /// Its doc comment.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) name: Ident,
    pub(crate) ty: Option<Type>,
    pub(crate) value: Option<Expr>,
}

impl Label {
    /// The name in Prometheus.
    pub(crate) fn text(&self) -> String {
        self.name.unraw().to_string()
    }
}

impl Parse for Label {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let docs = input.call(Attribute::parse_outer)?;
        if let Some(other) = docs.iter().find(|attr| !attr.path().is_ident("doc")) {
            return Err(syn::Error::new_spanned(other, "a label takes no attribute but a doc comment"));
        }
        if input.peek(syn::LitStr) {
            return Err(input.error("a label's name is written without quotes; `r#type` gives the label `type`"));
        }
        let name = Ident::parse_any(input)?;
        if matches!(name.unraw().to_string().as_str(), "self" | "Self" | "super" | "crate" | "_") {
            return Err(syn::Error::new(
                name.span(),
                format!("`{name}` can't name a method: choose another label name"),
            ));
        }
        let colon: Option<Token![:]> = input.parse()?;
        let place = input.span();
        let no_type = |_| syn::Error::new(place, "expected the type of the label's values; a value stands after `=`");
        let ty = colon.map(|_| input.parse().map_err(no_type)).transpose()?;
        if let Some(Type::Reference(ty)) = &ty
            && ty.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static")
        {
            return Err(syn::Error::new_spanned(ty, "leave the type out: any text fits, borrowed or not"));
        }
        let equals: Option<Token![=]> = input.parse()?;
        let value = equals.map(|_| read_expr(input)).transpose()?;
        Ok(Self { docs, name, ty, value })
    }
}

/// Reads the labels between the braces or parentheses of `labels`.
pub(crate) fn read_labels(input: ParseStream<'_>, errors: &mut Errors) -> Vec<Label> {
    let mut labels = Vec::new();
    read_list(input, errors, |input, _| {
        labels.push(input.parse()?);
        Ok(())
    });
    labels
}

/// The first paragraph of the doc comments, as one line.
pub(crate) fn doc_text(attrs: &[syn::Attribute]) -> Option<syn::LitStr> {
    let docs = attrs.iter().filter_map(|attr| match &attr.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                syn::Lit::Str(text) => Some(text),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let docs: Vec<_> = docs.collect();
    let text: Vec<_> = docs.iter().map(|text| text.value()).collect();
    let lines = text.iter().flat_map(|text| text.split('\n')).map(|line| line.trim().trim_start_matches("* ").trim());
    let paragraph: Vec<_> = lines.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
    if paragraph.is_empty() {
        return None;
    }
    Some(syn::LitStr::new(&paragraph.join(" "), docs.first()?.span()))
}

/// The tokens of `crate = path` when it is left out.
pub(crate) fn default_crate() -> TokenStream {
    crate::tokens::quote_mixed!(::pytheus)
}
