//! A `static` of `metric!` whose labels are a struct: its type has one method, `with`.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Lifetime, Type};

use super::model::Static;
use super::{cfgs, quote_mixed};

impl Static {
    pub(super) fn expand_label_set(&self, set: &Type) -> TokenStream {
        let Self { attrs, vis, ident, metric, .. } = self;
        let private = &metric.private;
        let name = metric.kind.ident(Span::mixed_site());
        let fixed = without_lifetimes(set.to_token_stream());
        let of_set = |item: TokenStream| quote_mixed!(<#fixed as #private::LabelSet>::#item);
        let (start, start_value) = (metric.labelled_ty(&of_set(quote_mixed!(Start))), of_set(quote_mixed!(START)));
        let mut lifetimes = Vec::new();
        let named = name_lifetimes(set.to_token_stream(), &mut lifetimes);
        let given = metric.labelled_ty(&quote_mixed!(<#named as #private::LabelSet>::List<'__given>));
        let statics = metric.statics(None);
        let cfgs: Vec<_> = cfgs(attrs).collect();
        let docs = format!("`{ident}`, before its labels have values.");
        quote_mixed! {
            #(#cfgs)*
            #[doc = #docs]
            #[allow(non_camel_case_types, dead_code)]
            #vis struct #ident {
                labelled: #start,
            }

            #(#cfgs)*
            #[automatically_derived]
            impl ::core::ops::Deref for #ident {
                type Target = #start;

                #[inline]
                fn deref(&self) -> &Self::Target {
                    &self.labelled
                }
            }

            #(#cfgs)*
            #[automatically_derived]
            impl ::core::fmt::Debug for #ident {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::Debug::fmt(&self.labelled, f)
                }
            }

            #(#cfgs)*
            impl #ident {
                /// Gives all labels their values.
                #[allow(dead_code)]
                #[inline]
                pub fn with<'__given, #(#lifetimes),*>(&self, labels: &'__given #named) -> #given {
                    self.labelled.with(|_| #private::LabelSet::list(labels))
                }
            }

            #(#attrs)*
            #vis static #ident: #ident = {
                use #private as __pytheus;

                #statics
                #ident { labelled: #private::metrics::#name::labelled(&__PYTHEUS_DECLARED, #start_value) }
            };
        }
    }
}

/// A type with a name for each `'_`, and the names.
fn name_lifetimes(tokens: TokenStream, found: &mut Vec<Lifetime>) -> TokenStream {
    let mut is_lifetime = false;
    let mut out = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let mut inside = Group::new(group.delimiter(), name_lifetimes(group.stream(), found));
                inside.set_span(group.span());
                out.extend([TokenTree::Group(inside)]);
            }
            TokenTree::Ident(ident) if is_lifetime && ident == "_" => {
                let name = format!("__set{}", found.len());
                found.push(Lifetime::new(&format!("'{name}"), ident.span()));
                out.extend([TokenTree::Ident(Ident::new(&name, ident.span()))]);
            }
            token => {
                is_lifetime = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
                out.extend([token]);
            }
        }
    }
    out
}

/// A type with `'static` for each lifetime, for constants.
pub(crate) fn without_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut is_lifetime = false;
    let replace = |token: TokenTree| match token {
        TokenTree::Group(group) => {
            let mut inside = Group::new(group.delimiter(), without_lifetimes(group.stream()));
            inside.set_span(group.span());
            TokenTree::Group(inside)
        }
        TokenTree::Ident(ident) if is_lifetime => {
            is_lifetime = false;
            TokenTree::Ident(Ident::new("static", ident.span()))
        }
        token => {
            is_lifetime = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
            token
        }
    };
    tokens.into_iter().map(replace).collect()
}
