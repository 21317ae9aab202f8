//! A `static` of `metric!`, and its type with a method per label.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Ident;
use syn::ext::IdentExt;

use super::model::{DeclaredLabel, Static, Values};
use super::{cfgs, nest, quote_mixed};

impl Static {
    /// The `static`, and with labels its type.
    pub(crate) fn expand(&self) -> TokenStream {
        let Self { attrs, vis, ident, metric, .. } = self;
        if let Some(set) = &metric.label_set {
            return self.expand_label_set(set);
        }
        if !metric.labels.is_empty() {
            return self.expand_labelled();
        }
        let ty = metric.ty();
        let private = &metric.private;
        let statics = metric.statics(Some(&TokenStream::new()));
        quote_mixed! {
            #(#attrs)*
            #vis static #ident: #ty = {
                use #private as __pytheus;

                #statics
                <#ty>::declared(&__PYTHEUS_DECLARED)
            };
        }
    }

    fn expand_labelled(&self) -> TokenStream {
        let Self { attrs, vis, ident, metric, .. } = self;
        let private = &metric.private;
        let statics = metric.statics(None);
        let name = metric.kind.ident(Span::mixed_site());
        let start = nest(metric.labels.iter().map(|label| {
            let state = if label.default.is_some() { quote_mixed!(Defaulted) } else { quote_mixed!(Unset::new()) };
            quote_mixed!(#private::#state)
        }));
        let markers = self.markers();
        let handle = self.handle();
        let impls = self.impls();
        let setters = self.setters();
        quote_mixed! {
            #markers
            #handle
            #impls
            #setters
            #(#attrs)*
            #vis static #ident: #ident = {
                use #private as __pytheus;

                #statics
                #ident { labelled: #private::metrics::#name::labelled(&__PYTHEUS_DECLARED, #start) }
            };
        }
    }

    /// A type per required label, and the message for a missing value.
    fn markers(&self) -> TokenStream {
        let vis = &self.vis;
        let private = &self.metric.private;
        let cfgs = cfgs(&self.attrs);
        let module = self.module();
        let labels = self.metric.labels.iter().zip(&self.setters).filter(|(label, _)| label.default.is_none());
        let markers = labels.map(|(label, setter)| {
            let name = marker(label);
            let condition = format_ident!("__value_of_{}", label.text, span = label.name.span());
            let message = format!("a required label has no value yet: Unset<{}>", label.text);
            let note = format!("each label of the metric is a method: `{}.{}(value)`", self.ident, setter.unraw());
            // At the label's span, for the compiler's caret; nothing in here is a variable, so nothing captures the
            // user's.
            let ty = quote_spanned!(label.name.span()=> pub struct #name<T = __NoValue>(T););
            if self.lacks_prelude {
                return ty;
            }
            quote_spanned! {label.name.span()=>
                #ty

                #[diagnostic::on_unimplemented(message = #message, label = "give this label a value first", note = #note)]
                pub trait #condition {}

                // A trait without any would be said to lack one.
                #[diagnostic::do_not_recommend]
                impl #condition for ::core::convert::Infallible {}

                impl<T: #condition> __NotMissing for #name<T> {}
            }
        });
        let markers: Vec<_> = markers.collect();
        let ty = (!markers.is_empty()).then(|| quote_mixed!(use #private::NoValue as __NoValue;));
        let condition = ty.as_ref().filter(|_| !self.lacks_prelude);
        let condition = condition.map(|_| quote_mixed!(use #private::NotMissing as __NotMissing;));
        quote_mixed! {
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(non_camel_case_types, non_snake_case, unreachable_pub, dead_code, missing_debug_implementations)]
            #vis mod #module {
                #ty
                #condition
                #(#markers)*
            }
        }
    }

    /// The type of the metric: one parameter per label says whether it has a value.
    fn handle(&self) -> TokenStream {
        let Self { vis, ident, metric, .. } = self;
        let private = &metric.private;
        let cfgs = cfgs(&self.attrs);
        let module = self.module();
        let states = self.states();
        let ty = metric.labelled_ty(&nest(states.iter()));
        let defaults = metric.labels.iter().map(|label| match (&label.default, marker(label)) {
            (Some(_), _) => quote_mixed!(#private::Defaulted),
            (None, name) => quote_mixed!(#private::Unset<#module::#name>),
        });
        let docs = format!("`{ident}`, with those of its labels that have a value so far.");
        quote_mixed! {
            #(#cfgs)*
            #[doc = #docs]
            #[must_use = "labels alone count nothing: call a method of the metric"]
            #[allow(non_camel_case_types, dead_code)]
            #vis struct #ident<#(#states = #defaults),*> {
                labelled: #ty,
            }
        }
    }

    fn impls(&self) -> TokenStream {
        let Self { ident, metric, .. } = self;
        let private = &metric.private;
        let ty = metric.ty();
        let cfgs: Vec<_> = cfgs(&self.attrs).collect();
        let states = self.states();
        let list = nest(states.iter());
        let labelled = metric.labelled_ty(&list);
        quote_mixed! {
            #(#cfgs)*
            #[automatically_derived]
            impl<#(#states),*> ::core::ops::Deref for #ident<#(#states),*> {
                type Target = #labelled;

                #[inline]
                fn deref(&self) -> &Self::Target {
                    &self.labelled
                }
            }

            #(#cfgs)*
            #[automatically_derived]
            impl<#(#states: ::core::clone::Clone),*> ::core::clone::Clone for #ident<#(#states),*> {
                fn clone(&self) -> Self {
                    Self { labelled: ::core::clone::Clone::clone(&self.labelled) }
                }
            }

            #(#cfgs)*
            #[automatically_derived]
            impl<#(#states: ::core::marker::Copy),*> ::core::marker::Copy for #ident<#(#states),*> {}

            #(#cfgs)*
            #[automatically_derived]
            impl<#(#states),*> ::core::convert::From<#ident<#(#states),*>> for #ty
            where
                #list: #private::AllSet,
            {
                fn from(labelled: #ident<#(#states),*>) -> Self {
                    labelled.labelled.to_series()
                }
            }

            #(#cfgs)*
            #[automatically_derived]
            impl<#(#states: #private::LabelSlot),*> ::core::fmt::Debug for #ident<#(#states),*> {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::Debug::fmt(&self.labelled, f)
                }
            }
        }
    }

    /// Writes a method per label.
    fn setters(&self) -> TokenStream {
        let ident = &self.ident;
        let cfgs: Vec<_> = cfgs(&self.attrs).collect();
        let states = self.states();
        let types = self.metric.types();
        let labels = self.metric.labels.iter().zip(&self.setters).enumerate();
        let setters = labels.map(|(place, (label, name))| self.setter(place, label, name));
        quote_mixed! {
            #(#cfgs)*
            impl #ident {
                #types
            }

            #(#cfgs)*
            impl<#(#states),*> #ident<#(#states),*> {
                #(#setters)*
            }
        }
    }

    fn setter(&self, place: usize, label: &DeclaredLabel, name: &Ident) -> TokenStream {
        let ident = &self.ident;
        let private = &self.metric.private;
        let docs = match &label.docs[..] {
            [] => {
                let docs = format!("The same with a value for the label `{}`.", label.text);
                quote_mixed!(#[doc = #docs])
            }
            docs => quote_mixed!(#(#docs)*),
        };
        let (generics, value, kept, keep) = if let Values::Typed(ty) = &label.values {
            // Its place or text is kept for it, so that the type need not be `Clone`.
            let typed = self.metric.typed(label);
            let closed = quote_mixed!({ #typed.is_closed() });
            let kept = quote_mixed!(<#private::StoreAs<#closed> as #private::Store>::Stored);
            (None, quote_mixed!(#ty), kept, quote_mixed!(#private::own_typed_label::<#closed, _>(&#typed, &value)))
        } else {
            let open = quote_mixed!(__V);
            let generics = Some(quote_mixed!(<__V: #private::LabelValue>));
            (generics, open.clone(), quote_mixed!(#private::Set<#open>), quote_mixed!(#private::Set::new(value)))
        };
        let states = self.states();
        // A type per label: this one's at its position, and the given types of the others.
        let row = |own: TokenStream, other: fn(&Ident) -> TokenStream| {
            let at = move |(i, state)| if i == place { own.clone() } else { other(state) };
            states.iter().enumerate().map(at).collect::<Vec<_>>()
        };
        let after = row(kept, |state| quote_mixed!(#state));
        let before = nest(row(quote_mixed!(_), |state| local(state).into_token_stream()).iter());
        let given = |state: &Ident| {
            let label = local(state);
            quote_mixed!(::core::clone::Clone::clone(#label))
        };
        let given = nest(row(keep, given).iter());
        let others = row(TokenStream::new(), |state| quote_mixed!(#state: ::core::clone::Clone,));
        quote_mixed! {
            #docs
            #[allow(dead_code, non_snake_case)]
            #[inline]
            pub fn #name #generics(&self, value: #value) -> #ident<#(#after),*>
            where
                #(#others)*
            {
                #ident { labelled: self.labelled.with(|#before| #given) }
            }
        }
    }

    fn module(&self) -> Ident {
        format_ident!("__{}", self.ident, span = Span::mixed_site())
    }

    /// The type parameters, one per label.
    fn states(&self) -> Vec<Ident> {
        (0..self.metric.labels.len()).map(|place| format_ident!("__L{place}", span = Span::mixed_site())).collect()
    }
}

/// The label's name as a type name.
fn marker(label: &DeclaredLabel) -> Ident {
    Ident::new_raw(&label.text, label.name.span())
}

/// The local variable with the value of a type parameter.
fn local(state: &Ident) -> Ident {
    format_ident!("label{state}", span = Span::mixed_site())
}
