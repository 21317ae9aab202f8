//! The declarations inside `metric!`.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, GenericArgument, Ident, Path, PathArguments, Result, Token, Type, Visibility, braced};

use crate::errors::{Errors, list, nearest, suggest};
use crate::options::{Arg, Keyed, Kind, Label, Options, fill, read_labels, read_list, skip_until};

/// A `static` of `metric!`, as far as it could be read.
pub(crate) struct Declaration {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) kind: Kind,
    /// The type argument of a state set.
    pub(crate) states: Option<Type>,
    pub(crate) options: Options,
    pub(crate) labels: Arg<Labels>,
    pub(crate) errors: Errors,
}

/// The labels of a declaration.
pub(crate) enum Labels {
    Listed(Vec<Label>),
    /// A struct that derives `LabelSet`.
    Set(Box<Type>),
}

/// The options in the braces of a declaration.
fn known(kind: Kind) -> Vec<&'static str> {
    let mut known = vec!["labels", "help", "unit", "namespace", "limit", "zero_series", "registry"];
    match kind {
        Kind::Histogram => known.push("buckets"),
        Kind::Gauge => known.push("mode"),
        _ => {}
    }
    known
}

/// The input of `metric!`.
#[derive(Default)]
pub(crate) struct Declarations {
    /// The path back to the crate, put first by `pytheus::metric!`.
    pub(crate) krate: Option<Path>,
    /// Whether it stands where no prelude is, and so no `#[diagnostic::..]`.
    pub(crate) lacks_prelude: bool,
    pub(crate) all: Vec<Declaration>,
    /// Mistakes outside any recognisable declaration.
    pub(crate) errors: Errors,
}

impl Declarations {
    /// Reads all declarations; after a mistake in one it goes on with the next.
    pub(crate) fn read(tokens: TokenStream) -> Self {
        let mut declarations = Self::default();
        let read = |input: ParseStream<'_>| {
            declarations.read_all(input);
            Ok(())
        };
        // Tokens left over in a group after a mistake are no further mistake.
        let read = read.parse2(tokens);
        if declarations.errors.is_empty() && declarations.all.iter().all(|one| one.errors.is_empty()) {
            declarations.errors.keep(read);
        }
        declarations
    }

    fn read_all(&mut self, input: ParseStream<'_>) {
        if input.peek(Token![crate]) && input.peek2(Token![=]) {
            self.krate = self.errors.keep(read_crate(input));
        }
        if input.peek(Token![#]) && input.peek2(Token![!]) {
            let attrs = self.errors.keep(input.call(Attribute::parse_inner)).unwrap_or_default();
            for other in attrs.iter().filter(|attr| !attr.path().is_ident("no_implicit_prelude")) {
                self.errors.at(other, "`metric!` takes no attribute of its own but `#![no_implicit_prelude]`");
            }
            self.lacks_prelude = true;
        }
        while !input.is_empty() {
            match Declaration::read(input) {
                Ok(mut declaration) => {
                    if let Err(error) = declaration.read_rest(input) {
                        declaration.errors.push(error);
                        skip_declaration(input);
                    }
                    self.all.push(declaration);
                }
                Err(error) => {
                    self.errors.push(error);
                    skip_declaration(input);
                }
            }
        }
    }
}

fn skip_declaration(input: ParseStream<'_>) {
    skip_until(input, |input| input.peek(Token![;]));
    // Present by now, unless this is the end.
    let _: Option<Token![;]> = input.parse().ok();
}

fn read_crate(input: ParseStream<'_>) -> Result<Path> {
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = input.call(Path::parse_mod_style)?;
    input.parse::<Token![;]>()?;
    Ok(path)
}

impl Declaration {
    /// Reads up to the type: enough to go on.
    fn read(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let place = input.span();
        let expected = "expected `static NAME: Counter = \"name\";`";
        input.parse::<Token![static]>().map_err(|_| syn::Error::new(place, expected))?;
        if input.peek(Token![mut]) {
            return Err(input.error("a metric is never `mut`: it counts through a shared reference"));
        }
        let ident = input.parse()?;
        let place = input.span();
        let no_type = |_| syn::Error::new(place, format!("expected a type: `static {ident}: Counter = ..`"));
        input.parse::<Token![:]>().map_err(no_type)?;
        let ty: Type = input.parse()?;
        let mut errors = Errors::default();
        let (kind, states) = match read_type(&ty, &mut errors) {
            Ok(read) => read,
            Err(error) => return Err(errors.ended_by(error)),
        };
        Ok(Self { attrs, vis, ident, kind, states, options: Options::default(), labels: None, errors })
    }

    fn read_rest(&mut self, input: ParseStream<'_>) -> Result<()> {
        let place = input.span();
        let no_name = |_| syn::Error::new(place, "expected the name that Prometheus sees: `= \"..\"`");
        input.parse::<Token![=]>().map_err(no_name)?;
        // A literal alone: the following tokens are no arguments of a call.
        let name = if input.peek(syn::Lit) {
            Expr::Lit(syn::ExprLit { attrs: Vec::new(), lit: input.parse()? })
        } else {
            input.call(Expr::parse_without_eager_brace)?
        };
        let key = Ident::new("name", Span::call_site());
        self.options.name = Some(Keyed { key, value: name });
        if input.peek(syn::token::Brace) {
            let inside;
            braced!(inside in input);
            let Self { kind, options, labels, errors, .. } = self;
            read_list(&inside, errors, |input, errors| read_option(*kind, options, labels, input, errors));
        }
        if input.peek(syn::token::Paren) {
            return Err(input.error("options stand in braces: `{ labels: { method } }`"));
        }
        if input.is_empty() {
            return Err(syn::Error::new(self.ident.span(), "expected `;` after this declaration"));
        }
        input.parse::<Token![;]>()?;
        Ok(())
    }
}

fn read_option(
    kind: Kind,
    options: &mut Options,
    labels: &mut Arg<Labels>,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> Result<()> {
    let key = input.call(Ident::parse_any)?;
    if key == "name" {
        return Err(syn::Error::new(key.span(), "the name stands before the braces: `= \"..\" { .. }`"));
    }
    if !input.peek(Token![:]) {
        if input.peek(Token![=]) {
            return Err(input.error(format!("expected `:`, as in a struct: `{key}: ..`")));
        }
        if known(kind).contains(&key.to_string().as_str()) {
            return Err(syn::Error::new(key.span(), format!("`{key}` needs a value: `{key}: ..`")));
        }
        return Err(unknown(kind, &key));
    }
    input.parse::<Token![:]>()?;
    if key == "labels" {
        let given = Labels::read(input, errors)?;
        return fill(labels, &key, input, |_| Ok(given));
    }
    if options.read(&key, input)? { Ok(()) } else { Err(unknown(kind, &key)) }
}

impl Labels {
    fn read(input: ParseStream<'_>, errors: &mut Errors) -> Result<Self> {
        if input.peek(syn::token::Brace) {
            let inside;
            braced!(inside in input);
            return Ok(Self::Listed(read_labels(&inside, errors)));
        }
        let expected = "expected labels in braces, `labels: { method, status = \"200\" }`, or a struct that derives `LabelSet`, \
                        `labels: Route`";
        let place = input.span();
        let ty = input.parse().ok().filter(|ty| matches!(ty, Type::Path(_)));
        ty.map(|ty| Self::Set(Box::new(ty))).ok_or_else(|| syn::Error::new(place, expected))
    }
}

fn unknown(kind: Kind, key: &Ident) -> syn::Error {
    let help = suggest(&key.to_string(), &known(kind));
    syn::Error::new(key.span(), format!("a `{}` has no option `{key}`: {help}", kind.name()))
}

/// Recognises the metric of a type by its last name, slips included.
fn read_type(ty: &Type, errors: &mut Errors) -> Result<(Kind, Option<Type>)> {
    let names = Kind::ALL.map(Kind::name);
    let refuse = || {
        let message = format!("expected the type of a metric: {}", list(&names));
        syn::Error::new_spanned(ty, message)
    };
    let Type::Path(path) = ty else { return Err(refuse()) };
    let last = path.path.segments.last().ok_or_else(refuse)?;
    let of = |name: &str| Kind::ALL.into_iter().find(|kind| kind.name() == name);
    let given = last.ident.to_string();
    let kind = if let Some(kind) = of(&given) {
        kind
    } else {
        let meant = nearest(&given, &names).ok_or_else(refuse)?;
        errors.at(&last.ident, format!("no such metric `{given}`: did you mean `{meant}`?"));
        of(meant).ok_or_else(refuse)?
    };
    let argument = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(ty)) => Some(ty.clone()),
            _ => None,
        },
        _ => None,
    };
    match (kind, argument) {
        (Kind::StateSet, None) => Err(syn::Error::new_spanned(
            ty,
            "a state set names its states: `StateSet<Phase>`, where `Phase` is an enum that derives `LabelValue`",
        )),
        (Kind::StateSet, states) => Ok((kind, states)),
        (_, Some(argument)) => {
            errors.at(argument, format!("`{}` takes no type here", kind.name()));
            Ok((kind, None))
        }
        (_, None) => Ok((kind, None)),
    }
}
