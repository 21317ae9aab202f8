//! The expansion into the user's crate. Nothing here can fail: everything was checked before.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;

pub(crate) use crate::tokens::quote_mixed;

mod arguments;
mod declaration;
mod descriptor;
mod function;
mod handle;
pub(crate) mod label_set;
pub(crate) mod model;
mod nested;
mod steps;

/// The macro support of the runtime, under the name of each attribute's import.
pub(crate) fn support() -> TokenStream {
    quote_mixed!(__pytheus)
}

/// The place of the user's tokens, for generated ones: an error there is shown here.
pub(crate) fn at(tokens: &impl Spanned) -> Span {
    Span::mixed_site().located_at(tokens.span())
}

/// A reference to the user's expression. It begins and ends at one span: an error in its type shows there.
pub(crate) fn reference(expr: &impl ToTokens) -> TokenStream {
    let expr = expr.to_token_stream();
    quote_spanned!(at(&expr)=> &(#expr))
}

/// Attributes such as `cfg` decide over the existence of an item: they belong on everything written for it.
pub(crate) fn cfgs(attrs: &[syn::Attribute]) -> impl Iterator<Item = &syn::Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
}

/// The list `(first, (second, ()))`.
pub(crate) fn nest<T: ToTokens>(items: impl DoubleEndedIterator<Item = T>) -> TokenStream {
    items.rev().fold(quote_mixed!(()), |rest, item| quote_mixed!((#item, #rest)))
}
