//! The statements for an existing metric with labels from the outcome or the returned value.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Expr, Ident};

use super::model::{HandleArg, LateHandle};
use super::{at, quote_mixed, reference};

/// The arguments of the methods, in their order.
fn args(handle: &LateHandle) -> impl Iterator<Item = &HandleArg> {
    handle.calls.iter().flat_map(|call| &call.args)
}

impl LateHandle {
    /// The expressions evaluated before the body.
    pub(super) fn early(&self) -> impl Iterator<Item = &Expr> {
        let early = args(self).filter_map(|arg| if let HandleArg::Early(value) = arg { Some(value) } else { None });
        std::iter::once(&self.base).chain(early)
    }

    /// The expressions evaluated after it.
    pub(crate) fn late(&self) -> impl Iterator<Item = &Expr> {
        args(self).filter_map(|arg| if let HandleArg::Ret(value) = arg { Some(value) } else { None })
    }

    /// Keeps the values of early labels.
    pub(super) fn keep_early(&self) -> TokenStream {
        let base = (!self.is_static()).then(|| {
            let base = reference(&self.base);
            quote_mixed!(let base = #base;)
        });
        let early = args(self).enumerate().filter_map(|(i, arg)| {
            let HandleArg::Early(value) = arg else { return None };
            let local = local(i);
            Some(quote_spanned!(at(value)=> let #local = __pytheus::OwnedLabel(#value).own();))
        });
        let early: Vec<_> = early.collect();
        let import = (!early.is_empty()).then(|| {
            quote_mixed! {
                #[allow(unused_imports)]
                use __pytheus::OwnValue as _;
            }
        });
        quote_mixed!(#import #base #(#early)*)
    }

    /// The closure for the look-up of the series at the end.
    pub(super) fn resolve(&self, ty: &TokenStream) -> TokenStream {
        let outcome = &self.outcome;
        let all = self.chain(true);
        let place = at(&self.handle);
        let series = quote_spanned!(place=> (#all).to_series());
        if self.ret.is_none() {
            return quote_mixed! {
                move |_: ::core::option::Option<()>, #[allow(unused_variables)] #outcome: __pytheus::Outcome| -> #ty {
                    #series
                }
            };
        }
        let late = self.late_locals();
        let known = self.chain(false);
        let missing = self
            .calls
            .iter()
            .filter(|call| call.uses_ret())
            .map(|call| syn::ext::IdentExt::unraw(&call.method).to_string());
        let without = quote_spanned!(place=> (#known).series_without(&[#(#missing),*]));
        quote_mixed! {
            move |late, #[allow(unused_variables)] #outcome: __pytheus::Outcome| -> #ty {
                match late {
                    ::core::option::Option::Some((#(#late,)*)) => #series,
                    ::core::option::Option::None => #without,
                }
            }
        }
    }

    /// The values of the labels of the returned value.
    pub(super) fn late_values(&self) -> TokenStream {
        let Some(ret) = &self.ret else { return quote_mixed!(()) };
        let outcome = &self.outcome;
        let values = self.late().map(|value| quote_spanned!(at(value)=> __pytheus::OwnedLabel(#value).own()));
        quote_mixed! {{
            #[allow(unused_imports)]
            use __pytheus::OwnValue as _;
            let #ret = &ret;
            #[allow(unused_variables)]
            let #outcome = outcome;
            (#(#values,)*)
        }}
    }

    /// The metric with its labels, or with the labels independent of the returned value.
    fn chain(&self, with_ret: bool) -> TokenStream {
        let base = if self.is_static() { self.base.to_token_stream() } else { quote_mixed!(base) };
        let mut place = 0..;
        self.calls.iter().fold(base, |chain, call| {
            let args: Vec<_> = call.args.iter().zip(&mut place).map(|(arg, i)| arg.written(&local(i))).collect();
            if call.uses_ret() && !with_ret {
                return chain;
            }
            let (method, turbofish) = (&call.method, &call.turbofish);
            quote_spanned!(method.span()=> #chain.#method #turbofish (#(#args),*))
        })
    }

    fn late_locals(&self) -> Vec<Ident> {
        let late = args(self).enumerate().filter(|(_, arg)| matches!(arg, HandleArg::Ret(_)));
        late.map(|(i, _)| local(i)).collect()
    }

    /// Returns whether the metric is a path, without any evaluation before the body.
    fn is_static(&self) -> bool {
        matches!(self.base, Expr::Path(_))
    }
}

impl super::model::HandleCall {
    fn uses_ret(&self) -> bool {
        self.args.iter().any(|arg| matches!(arg, HandleArg::Ret(_)))
    }
}

impl HandleArg {
    fn written(&self, local: &Ident) -> TokenStream {
        match self {
            Self::InPlace(value) => value.to_token_stream(),
            Self::Early(_) | Self::Ret(_) => local.to_token_stream(),
        }
    }
}

fn local(i: usize) -> Ident {
    format_ident!("label{i}", span = proc_macro2::Span::mixed_site())
}
