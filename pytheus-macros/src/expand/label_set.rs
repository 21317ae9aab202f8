//! A `static` of `metric!` whose labels are a struct: its type has one method, `with`.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

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
        let given = metric.labelled_ty(&of_set(quote_mixed!(List)));
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
                pub fn with(&self, labels: &#set) -> #given {
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
