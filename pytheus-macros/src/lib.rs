//! The macros of `pytheus`; use them through that crate.

use proc_macro::TokenStream;
use quote::ToTokens;

use crate::args::Args;
use crate::declaration::Declarations;
use crate::errors::Errors;
use crate::function::Function;
use crate::options::Kind;

mod args;
mod check;
mod declaration;
mod errors;
mod expand;
mod fallback;
mod function;
mod label_value;
mod options;
mod returned;

/// Counts calls.
#[proc_macro_attribute]
pub fn counter(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Counter, args, item)
}

/// Tracks calls in a gauge.
#[proc_macro_attribute]
pub fn gauge(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Gauge, args, item)
}

/// Times calls in a histogram.
#[proc_macro_attribute]
pub fn histogram(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Histogram, args, item)
}

/// Times calls in a summary.
#[proc_macro_attribute]
pub fn summary(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Summary, args, item)
}

/// Declares metrics; use it as `pytheus::metric!`.
#[proc_macro]
pub fn metric(tokens: TokenStream) -> TokenStream {
    let Declarations { krate, all, mut errors } = Declarations::read(tokens.into());
    let krate = krate.map_or_else(options::default_crate, ToTokens::into_token_stream);
    let statics: Vec<_> =
        all.into_iter().map(|declaration| check::declaration(declaration, &krate, &mut errors).expand()).collect();
    let errors = errors.to_tokens();
    quote::quote!(#(#statics)* #errors).into()
}

/// Derives `LabelValue` for an enum: a closed set of values.
#[proc_macro_derive(LabelValue, attributes(label_value))]
pub fn label_value(item: TokenStream) -> TokenStream {
    label_value::derive(&syn::parse_macro_input!(item as syn::DeriveInput)).into()
}

/// Parses, checks and expands an attribute on a function.
fn instrument(kind: Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    let item = item.into();
    let mut errors = Errors::default();
    let args = Args::read(kind, args.into(), &mut errors);
    let function = errors.keep(Function::read(&kind.name().to_lowercase(), proc_macro2::TokenStream::clone(&item)));
    let instrument = function.and_then(|function| check::instrument(kind, args, function, &mut errors));
    instrument.map_or_else(|| fallback::unchanged(&item, &errors), |instrument| instrument.expand()).into()
}
