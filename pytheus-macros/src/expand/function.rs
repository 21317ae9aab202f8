//! The expansion of an attribute around the body of a function. The signature stays as it is.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Type;

use super::arguments::Arguments;
use super::descriptor::metric_type;
use super::model::{Instrument, Source};
use super::steps::{Steps, own_values};
use super::{at, nested, quote_mixed, support};
use crate::function::{Boxed, Function, Shape};
use crate::returned::without_opaque;

impl Instrument {
    /// The function with the metric around its body.
    pub(crate) fn expand(&self) -> TokenStream {
        let Function { attrs, vis, defaultness, inner, body, .. } = &self.function;
        let krate = &self.krate;
        let statics = self.statics();
        let check = self.guarded.as_ref().map(refuse_future);
        let steps = self.steps();
        let Arguments { sig, inside } = self.arguments(&steps);
        let work = self.body(&steps, &inside);
        // In the braces of the user's body: a lint passes over a function whose span is generated in part.
        let body = braced(
            body.span(),
            &quote_mixed! {
                #(#inner)*
                // The one path to the crate: a wrong path is one error.
                use #krate::__private as __pytheus;

                #statics
                #check
                #work
            },
        );
        quote_mixed!(#(#attrs)* #vis #defaultness #sig #body)
    }

    pub(super) fn ty(&self) -> TokenStream {
        metric_type(&support(), self.kind, None)
    }

    fn statics(&self) -> TokenStream {
        let Source::Declared(metric, labels) = &self.source else { return TokenStream::new() };
        let own = own_values(labels);
        let statics = metric.statics(own.as_ref());
        let ty = self.ty();
        let series = own.map(|_| quote_mixed!(static __PYTHEUS_METRIC: #ty = <#ty>::declared(&__PYTHEUS_DECLARED);));
        quote_mixed!(#statics #series)
    }

    /// The arguments, where the body moves away from them.
    fn arguments(&self, steps: &Steps) -> Arguments {
        let function = &self.function;
        let moves = match &self.shape {
            Shape::Plain | Shape::Async => steps.end.is_some() && !self.is_instrumented(),
            Shape::Future { .. } => true,
            Shape::Boxed(_) => false,
        };
        if !moves {
            return Arguments { sig: function.sig.clone(), inside: TokenStream::new() };
        }
        Arguments::new(&function.sig, &function.body.stream(), &self.early(), &self.late())
    }

    fn body(&self, steps: &Steps, inside: &TokenStream) -> TokenStream {
        let Steps { before, begin, held, end } = steps;
        let held_until = if end.is_some() { quote_mixed!(call) } else { quote_mixed!(_) };
        let body = &self.function.body;
        match &self.shape {
            Shape::Plain | Shape::Async if self.is_instrumented() => self.around(steps),
            Shape::Plain => match end {
                None => {
                    let body = in_place(&TokenStream::new(), body);
                    quote_mixed!(#before #begin #body)
                }
                Some(end) => {
                    let closure = self.closure(inside);
                    let work = self.followed(&quote_mixed!(__pytheus::call(#closure)), end);
                    quote_mixed!(#before #begin #work)
                }
            },
            Shape::Async => {
                let work = self.polled(steps, body, inside);
                quote_mixed!(#before #work)
            }
            Shape::Boxed(Boxed { pin, call, head, block }) => {
                let work = braced(block.span(), &self.polled(steps, block, inside));
                let mut call_of = Group::new(Delimiter::Parenthesis, quote_mixed!(#head #work));
                call_of.set_span(call.span());
                quote_mixed!(#before #pin #call_of)
            }
            Shape::Future { boxed: true } => {
                let closure = self.closure(inside);
                let work = match end {
                    None => quote_mixed!(#begin future.await),
                    Some(end) => self.instrumented(begin, end, &quote_mixed!(future)),
                };
                quote_mixed! {
                    #before
                    let future = __pytheus::call(#closure);
                    __pytheus::Box::pin(async move { #work })
                }
            }
            Shape::Future { boxed: false } => {
                let closure = self.closure(inside);
                // Not an async block: it would hold the future twice, as captured and as awaited.
                quote_mixed! {
                    #before
                    let future = __pytheus::call(#closure);
                    __pytheus::instrument(
                        move || {
                            #begin
                            #held
                        },
                        future,
                        move |#held_until, ret| {
                            #end
                            ret
                        },
                    )
                }
            }
        }
    }

    /// Whether another attribute has put the body into a closure or an async block already, and its last statements
    /// see how the call ended: then these go around them, and need no closure or block of their own.
    fn is_instrumented(&self) -> bool {
        nested::is_instrumented(&self.function.body.stream())
    }

    /// The statements around those of another attribute.
    fn around(&self, Steps { before, begin, end, .. }: &Steps) -> TokenStream {
        let mut body = self.function.body.stream();
        if end.is_some() && matches!(self.shape, Shape::Async) {
            body = nested::observe_also(body, &quote_mixed!(&mut call));
        }
        let body = braced(at(&self.function.body), &body);
        let end = end.as_ref().map(|end| quote_mixed!(#end));
        let ret = self.result();
        quote_mixed! {
            #before
            #begin
            let ret = #body;
            #end
            #ret
        }
    }

    /// The work of an async block.
    fn polled(&self, Steps { begin, end, .. }: &Steps, block: &Group, inside: &TokenStream) -> TokenStream {
        let Some(end) = end else {
            let block = in_place(&TokenStream::new(), block);
            return quote_mixed!(#begin #block);
        };
        let edge = self.return_edge();
        let inside = in_place(&quote_mixed!(#edge #inside), block);
        self.instrumented(begin, end, &quote_mixed!(async move #inside))
    }

    fn instrumented(&self, begin: &TokenStream, end: &TokenStream, future: &TokenStream) -> TokenStream {
        let work = self.followed(&quote_mixed!(__pytheus::observe_panics((&mut call, ()), #future).await), end);
        quote_mixed!(#begin #work)
    }

    /// The work and the steps after it; no steps when the work never returns.
    fn followed(&self, work: &TokenStream, end: &TokenStream) -> TokenStream {
        if let Some(Type::Never(_)) = self.function.output() {
            return quote_mixed!(let _ = &call; #work);
        }
        let ret = self.result();
        quote_mixed! {
            let ret = #work;
            #end
            #ret
        }
    }

    /// The value of the function's body, in a form that tells other attributes: there is no other way out.
    fn result(&self) -> TokenStream {
        if nested::may_return(self.early()) { quote_mixed!({ ret }) } else { quote_mixed!(ret) }
    }

    /// A closure in place of the body.
    fn closure(&self, inside: &TokenStream) -> TokenStream {
        let ret = self.closure_output();
        let body = in_place(inside, &self.function.body);
        quote_mixed!(move || #ret #body)
    }

    /// `-> T` for a closure in place of the body.
    fn closure_output(&self) -> TokenStream {
        match &self.function.sig.output {
            syn::ReturnType::Default => quote_mixed!(-> ()),
            syn::ReturnType::Type(arrow, ty) => {
                let ty = without_opaque(ty);
                quote_mixed!(#arrow #ty)
            }
        }
    }

    /// A `return` without effect: it tells the compiler the type of the block from the start.
    fn return_edge(&self) -> TokenStream {
        match self.function.output() {
            Some(Type::Never(_) | Type::ImplTrait(_)) => TokenStream::new(),
            None => quote_mixed! {
                #[allow(clippy::needless_return)]
                if false {
                    return;
                }
            },
            Some(ty) => {
                // At the span of the type: the compiler points there for another type in the body.
                let place = at(&ty);
                let ty = without_opaque(&ty);
                quote_spanned! {place=>
                    #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::let_unit_value, clippy::empty_loop,
                        clippy::type_complexity)]
                    if false {
                        let never: #ty = loop {};
                        return never;
                    }
                }
            }
        }
    }
}

/// Does not compile for a future: the attribute would miss its end.
fn refuse_future(ty: &Type) -> TokenStream {
    quote_spanned! {at(ty)=>
        {
            use __pytheus::NoFuture as _;
            __pytheus::is_no_future(__pytheus::Returns::<#ty>::WHAT);
        }
    }
}

/// The block inside another, whose braces are ours: by the rules of this crate's edition, all temporaries of the block
/// are dropped before what stands in front of it.
fn in_place(before: &TokenStream, block: &Group) -> Group {
    let tokens: Vec<_> = block.stream().into_iter().collect();
    let is = |token: &TokenTree, wanted| matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted);
    let is_macro = tokens.len() > 2 && is(&tokens[tokens.len() - 2], '!');
    let inner = block.stream();
    // Around a lone expression, the user's braces would be unnecessary, as a lint says.
    let inner = if tokens.is_empty() || tokens.iter().any(|token| is(token, ';')) {
        braced(block.span(), &inner)
    } else if is_macro {
        braced(block.span(), &quote_mixed!({} #inner))
    } else {
        braced(at(block), &inner)
    };
    braced(at(block), &quote_mixed!(#before #inner))
}

fn braced(span: Span, tokens: &TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Brace, tokens.clone());
    group.set_span(span);
    group
}
