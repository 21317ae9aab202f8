//! An attribute on an `impl` block: it applies to each function with a body, under its name as the label `method`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, ImplItem, LitStr, Result, Signature, Token, Visibility};

use crate::docs::take_help;
use crate::options::skip_until;

/// The block, as far as an attribute has to know it.
pub(crate) struct ImplBlock {
    /// Its attributes and all tokens up to the braces.
    head: TokenStream,
    /// The text of the attribute's doc comment.
    pub(crate) help: Option<LitStr>,
    inner: Vec<Attribute>,
    items: Vec<Item>,
}

enum Item {
    Method {
        name: Ident,
        has_cfg: bool,
        tokens: TokenStream,
    },
    /// A constant, a type, or a skipped function.
    Other(TokenStream),
}

/// The place of a function in its block.
pub(crate) struct Method {
    pub(crate) name: Ident,
    /// The names of all instrumented functions, sorted: the closed set of the label.
    pub(crate) names: Vec<String>,
    /// Whether the check of the options uses this function, in place of all.
    pub(crate) is_checked: bool,
}

/// Whether the item is an `impl` block.
pub(crate) fn is_impl(item: &TokenStream) -> bool {
    let peek = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        let _: Option<Token![default]> = if input.peek2(Token![=]) { None } else { input.parse()? };
        let _: Option<Token![unsafe]> = input.parse()?;
        let is_impl = input.peek(Token![impl]);
        skip_until(input, |_| false);
        Ok(is_impl)
    };
    peek.parse2(item.clone()).unwrap_or(false)
}

impl ImplBlock {
    /// Reads the block under the attribute at this place.
    pub(crate) fn read(place: Option<Span>, item: TokenStream) -> Result<Self> {
        (|input: ParseStream<'_>| Self::parse(place, input)).parse2(item)
    }

    fn parse(place: Option<Span>, input: ParseStream<'_>) -> Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let help = take_help(&mut attrs, place);
        let mut head = quote!(#(#attrs)*);
        while !input.peek(syn::token::Brace) {
            head.extend(Some(input.parse::<proc_macro2::TokenTree>()?));
        }
        let inside;
        syn::braced!(inside in input);
        let inner = inside.call(Attribute::parse_inner)?;
        let mut items = Vec::new();
        while !inside.is_empty() {
            items.push(Item::parse(&inside)?);
        }
        if !items.iter().any(|item| matches!(item, Item::Method { .. })) {
            return Err(syn::Error::new(
                place.unwrap_or_else(Span::call_site),
                "this block has no function to count in",
            ));
        }
        Ok(Self { head, help, inner, items })
    }

    /// Writes the block with each function as the attribute leaves it.
    pub(crate) fn expand(&self, mut method: impl FnMut(&Method, &TokenStream) -> TokenStream) -> TokenStream {
        let Self { head, inner, items, .. } = self;
        let methods = items.iter().filter_map(|item| match item {
            Item::Method { name, has_cfg, .. } => Some((name, *has_cfg)),
            Item::Other(_) => None,
        });
        let mut names: Vec<_> = methods.clone().map(|(name, _)| name.unraw().to_string()).collect();
        names.sort_unstable();
        names.dedup();
        let checked = methods.clone().position(|(_, has_cfg)| !has_cfg).unwrap_or(0);
        let mut place = 0;
        let items = items.iter().map(|item| match item {
            Item::Method { name, tokens, .. } => {
                let names = names.clone();
                let is_checked = place == checked;
                place += 1;
                method(&Method { name: name.clone(), names, is_checked }, tokens)
            }
            Item::Other(tokens) => tokens.clone(),
        });
        quote!(#head { #(#inner)* #(#items)* })
    }

    /// Writes the block as it was.
    pub(crate) fn unchanged(&self) -> TokenStream {
        self.expand(|_, tokens| tokens.clone())
    }
}

impl Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let start = input.fork();
        let mut attrs = input.call(Attribute::parse_outer)?;
        let is_skipped = take_skip(&mut attrs)?;
        let rest = input.fork();
        rest.parse::<Visibility>()?;
        let _: Option<Token![default]> = if rest.peek2(Token![=]) { None } else { rest.parse()? };
        let Some(sig) = rest.parse::<Signature>().ok().filter(|_| rest.peek(syn::token::Brace)) else {
            if is_skipped {
                return Err(syn::Error::new(
                    start.span(),
                    "`#[pytheus(skip)]` leaves a function out, and this is none",
                ));
            }
            let item: ImplItem = start.parse()?;
            syn::parse::discouraged::Speculative::advance_to(input, &start);
            return Ok(Self::Other(item.into_token_stream()));
        };
        let mut tokens = quote!(#(#attrs)*);
        while !input.peek(syn::token::Brace) {
            tokens.extend(Some(input.parse::<proc_macro2::TokenTree>()?));
        }
        tokens.extend(Some(input.parse::<proc_macro2::TokenTree>()?));
        if is_skipped {
            // For other attributes on the block: under a false condition, the compiler never sees the mark.
            return Ok(Self::Other(quote!(#[cfg_attr(any(), pytheus(skip))] #tokens)));
        }
        let has_cfg = attrs.iter().any(|attr| attr.path().is_ident("cfg"));
        Ok(Self::Method { name: sig.ident, has_cfg, tokens })
    }
}

/// Takes out the mark of a skipped function.
fn take_skip(attrs: &mut Vec<Attribute>) -> Result<bool> {
    let mut is_skipped = false;
    let mut result = Ok(());
    attrs.retain(|attr| {
        let is_mark = attr.path().is_ident("pytheus");
        let text = attr.meta.to_token_stream().to_string().replace(' ', "");
        let is_left = text == "cfg_attr(any(),pytheus(skip))";
        if is_mark && text != "pytheus(skip)" {
            result = Err(syn::Error::new_spanned(attr, "expected `#[pytheus(skip)]`, which leaves a function out"));
        }
        is_skipped |= is_mark || is_left;
        !is_mark && !is_left
    });
    result.map(|()| is_skipped)
}
