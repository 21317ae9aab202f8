//! What an attribute writes around the body of a function. The signature stays as it is.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Ident, LitStr, Pat, Type};

use super::descriptor::{Metric, metric_type};
use super::quote_mixed;
use crate::function::{Boxed, Function, Shape};
use crate::options::Kind;

/// A function to instrument.
pub(crate) struct Instrument {
    pub(crate) function: Function,
    pub(crate) shape: Shape,
    pub(crate) krate: TokenStream,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    pub(crate) effect: Effect,
    pub(crate) on: On,
}

/// What is counted in.
pub(crate) enum Source {
    /// A metric of the attribute's own, and its label values in the order that they were written.
    Declared(Metric, Vec<LabelArg>),
    /// One that exists.
    Handle(Expr),
}

/// The value of a label.
pub(crate) struct LabelArg {
    /// Its place among the sorted names.
    pub(crate) place: usize,
    pub(crate) value: LabelExpr,
}

#[derive(Clone)]
pub(crate) enum LabelExpr {
    Literal(LitStr),
    /// Known before the body.
    Early {
        value: Expr,
        ty: Option<Type>,
    },
    /// Known from the returned value, by this name.
    Late {
        value: Expr,
        ty: Option<Type>,
        ret: Ident,
    },
    Outcome,
}

/// What is done with the metric.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Count,
    Observe,
    TrackInProgress,
    SetDuration,
    SetTimestamp,
}

/// Which calls count.
pub(crate) enum On {
    Call,
    /// Constants of the runtime's `On`.
    Outcomes(Vec<Ident>),
    Pattern(Pat),
}

/// The statements around the body.
struct Steps {
    /// When the function is called.
    before: TokenStream,
    /// When the work begins.
    begin: TokenStream,
    /// When the work is done, given its result; `None` when a guard does it all.
    end: Option<TokenStream>,
}

impl Instrument {
    /// The function with the metric around its body.
    pub(crate) fn expand(&self) -> TokenStream {
        let Function { attrs, vis, defaultness, sig, inner, .. } = &self.function;
        let statics = self.statics();
        let body = self.body(&self.steps());
        quote_mixed! {
            #(#attrs)*
            #vis #defaultness #sig {
                #(#inner)*
                #statics
                #body
            }
        }
    }

    fn private(&self) -> TokenStream {
        let krate = &self.krate;
        quote_mixed!(#krate::__private)
    }

    fn ty(&self) -> TokenStream {
        metric_type(&self.krate, self.kind, None)
    }

    fn statics(&self) -> TokenStream {
        let Source::Declared(metric, labels) = &self.source else { return TokenStream::new() };
        let own = own_values(labels);
        let statics = metric.statics(own.as_ref());
        let ty = self.ty();
        let series = own.map(|_| quote_mixed!(static __PYTHEUS_METRIC: #ty = <#ty>::declared(&__PYTHEUS_DECLARED);));
        quote_mixed!(#statics #series)
    }

    fn body(&self, steps: &Steps) -> TokenStream {
        let private = self.private();
        let Steps { before, begin, end } = steps;
        let body = &self.function.body;
        match &self.shape {
            Shape::Plain => match end {
                None => quote_mixed!(#before #begin #body),
                Some(end) => {
                    let ret = self.closure_output();
                    quote_mixed! {
                        #before
                        #begin
                        let ret = #private::call(move || #ret #body);
                        #end
                        ret
                    }
                }
            },
            Shape::Async => {
                let work = self.polled(steps, body);
                quote_mixed!(#before #work)
            }
            Shape::Boxed(Boxed { pin, call, head, block }) => {
                let work = braced(block.span(), &self.polled(steps, block));
                let mut call_of = Group::new(Delimiter::Parenthesis, quote_mixed!(#head #work));
                call_of.set_span(call.span());
                quote_mixed!(#before #pin #call_of)
            }
            Shape::Future { boxed } => {
                let ret = self.closure_output();
                let work = match end {
                    None => quote_mixed!(#begin future.await),
                    Some(end) => self.watched(begin, end, &quote_mixed!(future)),
                };
                let wrapped = quote_mixed!(async move { #work });
                let wrapped = if *boxed { quote_mixed!(#private::Box::pin(#wrapped)) } else { wrapped };
                quote_mixed! {
                    #before
                    let future = #private::call(move || #ret #body);
                    #wrapped
                }
            }
        }
    }

    /// The work of an async block.
    fn polled(&self, Steps { begin, end, .. }: &Steps, block: &Group) -> TokenStream {
        let Some(end) = end else { return quote_mixed!(#begin #block) };
        let edge = self.return_edge();
        let statements = block.stream();
        let inside = quote_mixed!(#edge #statements);
        let inside = braced(block.span(), &inside);
        self.watched(begin, end, &quote_mixed!(async move #inside))
    }

    fn watched(&self, begin: &TokenStream, end: &TokenStream, future: &TokenStream) -> TokenStream {
        let private = self.private();
        quote_mixed! {
            #begin
            let ret = #private::watch(&mut call, #future).await;
            #end
            ret
        }
    }

    /// `-> T` for a closure in place of the body.
    fn closure_output(&self) -> TokenStream {
        match &self.function.sig.output {
            syn::ReturnType::Default => quote_mixed!(-> ()),
            syn::ReturnType::Type(arrow, ty) => {
                let ty = without_opaque(ty.to_token_stream());
                quote_mixed!(#arrow #ty)
            }
        }
    }

    /// A `return` that never happens, so that the compiler knows from the start what the block gives.
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
                let ty = without_opaque(ty.to_token_stream());
                quote_mixed! {
                    #[allow(unreachable_code, clippy::diverging_sub_expression, clippy::let_unit_value, clippy::empty_loop)]
                    if false {
                        let never: #ty = loop {};
                        return never;
                    }
                }
            }
        }
    }

    fn steps(&self) -> Steps {
        if self.needs_end() { self.full_steps() } else { self.guard_steps() }
    }

    /// Whether it must be known how the call ended.
    fn needs_end(&self) -> bool {
        let late = match &self.source {
            Source::Declared(_, labels) => {
                labels.iter().any(|label| matches!(label.value, LabelExpr::Late { .. } | LabelExpr::Outcome))
            }
            Source::Handle(_) => false,
        };
        late || !matches!(self.on, On::Call) || self.effect == Effect::SetTimestamp
    }

    fn guard_steps(&self) -> Steps {
        let (before, metric) = match &self.source {
            Source::Declared(_, labels) if own_values(labels).is_some() => {
                (TokenStream::new(), quote_mixed!(__PYTHEUS_METRIC))
            }
            Source::Declared(_, labels) => {
                let series = self.series_now(labels);
                (quote_mixed!(let metric = #series;), quote_mixed!(metric))
            }
            Source::Handle(handle) => (self.handle(handle), quote_mixed!(metric)),
        };
        let begin = match self.effect {
            Effect::Count => quote_mixed!(#metric.inc();),
            Effect::TrackInProgress => quote_mixed!(let _guard = #metric.track_inprogress();),
            _ => quote_mixed!(let _guard = #metric.time();),
        };
        Steps { before, begin, end: None }
    }

    /// The handle as the metric that the attribute counts in: a wrong kind is a type error at the user's expression.
    fn handle(&self, handle: &Expr) -> TokenStream {
        let ty = self.ty();
        let parenthesized = quote_mixed!((#handle));
        let child = quote_spanned!(handle.span()=> .child());
        quote_mixed!(let metric: #ty = #parenthesized #child;)
    }

    /// The series, when all labels are known before the body.
    fn series_now(&self, labels: &[LabelArg]) -> TokenStream {
        let private = self.private();
        // Not `let`s: a value may borrow from a temporary, which a `match` keeps for as long as it takes.
        let given = labels.iter().map(|label| self.borrowed(&label.value));
        let names = (0..labels.len()).map(local);
        let sorted = sorted(labels).map(|i| {
            let name = local(i);
            quote_mixed!(#private::LabelValue::as_label(#name))
        });
        quote_mixed! {
            match (#(#given,)*) {
                (#(#names,)*) => __PYTHEUS_DECLARED.series(&[#(#sorted),*]),
            }
        }
    }

    /// A reference to the value of a label: the user's argument is not moved.
    fn borrowed(&self, label: &LabelExpr) -> TokenStream {
        let private = self.private();
        match label {
            LabelExpr::Literal(text) => quote_mixed!(#text),
            LabelExpr::Early { value, ty } | LabelExpr::Late { value, ty, .. } => match ty {
                Some(ty) => quote_spanned!(value.span()=> #private::typed::<#ty>(&(#value))),
                None => quote_mixed!(&(#value)),
            },
            LabelExpr::Outcome => quote_mixed!(&outcome),
        }
    }

    /// The value of a label as text that outlives everything.
    fn owned(&self, label: &LabelExpr) -> TokenStream {
        let private = self.private();
        let borrowed = self.borrowed(label);
        let span = match label {
            LabelExpr::Early { value, .. } | LabelExpr::Late { value, .. } => value.span(),
            _ => Span::mixed_site(),
        };
        quote_spanned!(span=> #private::label(#borrowed))
    }

    fn full_steps(&self) -> Steps {
        let private = self.private();
        let (before, resolve, late) = self.resolve();
        let effect = match self.effect {
            Effect::Count => quote_mixed!(#private::Count),
            Effect::SetDuration => quote_mixed!(#private::SetDuration),
            Effect::SetTimestamp => quote_mixed!(#private::SetTimestamp),
            Effect::Observe | Effect::TrackInProgress => quote_mixed!(#private::Observe),
        };
        let on = match &self.on {
            On::Call => quote_mixed!(#private::On::CALL),
            On::Outcomes(outcomes) => {
                let or = outcomes.iter().skip(1).map(|outcome| quote_mixed!(.or(#private::On::#outcome)));
                let first = outcomes.first();
                quote_mixed!(#private::On::#first #(#or)*)
            }
            On::Pattern(_) => quote_mixed!(#private::On::NONE),
        };
        let begin = match self.shape {
            Shape::Plain => quote_mixed!(let call = #private::Call::begin(#effect, #on, #resolve);),
            _ => quote_mixed!(let mut call = #private::Call::begin_async(#effect, #on, #resolve);),
        };
        let finish = match &self.on {
            On::Pattern(pattern) => quote_mixed! {
                #[allow(unused_variables, unreachable_patterns)]
                let counts = match &ret {
                    #pattern => true,
                    _ => false,
                };
                call.finish_if(counts, outcome, [#(#late),*]);
            },
            _ => quote_mixed!(call.finish(outcome, [#(#late),*]);),
        };
        let end = quote_mixed! {
            let outcome = {
                use #private::{ProbeAny as _, ProbeOutcome as _};
                (&#private::Probe(&ret)).outcome()
            };
            #finish
        };
        Steps { before, begin, end: Some(end) }
    }

    /// What is made ready before the call, how the series is found after it, and the labels that only then are known.
    fn resolve(&self) -> (TokenStream, TokenStream, Vec<TokenStream>) {
        let private = self.private();
        let cow = quote_mixed!(#private::Cow<'static, ::core::primitive::str>);
        let ty = self.ty();
        let labels = match &self.source {
            Source::Declared(_, labels) => labels,
            Source::Handle(handle) => {
                let resolve = quote_mixed!(move |[]: [#cow; 0], _: #private::Outcome| -> #ty { metric });
                return (self.handle(handle), resolve, Vec::new());
            }
        };
        let mut before = TokenStream::new();
        let mut late = Vec::new();
        let mut late_names = Vec::new();
        for (i, label) in labels.iter().enumerate() {
            let name = local(i);
            match &label.value {
                LabelExpr::Early { .. } => {
                    let value = self.owned(&label.value);
                    before.extend(quote_mixed!(let #name: #cow = #value;));
                }
                LabelExpr::Late { ret, .. } => {
                    let value = self.owned(&label.value);
                    late.push(quote_mixed!({
                        let #ret = &ret;
                        let label = #value;
                        label
                    }));
                    late_names.push(name);
                }
                LabelExpr::Literal(_) | LabelExpr::Outcome => {}
            }
        }
        let count = late.len();
        let series = if own_values(labels).is_some() {
            quote_mixed!(<#ty>::declared(&__PYTHEUS_DECLARED))
        } else {
            let values = sorted(labels).map(|i| match &labels[i].value {
                LabelExpr::Literal(text) => quote_mixed!(#private::Cow::Borrowed(#text)),
                LabelExpr::Outcome => quote_mixed!(#private::Cow::Borrowed(outcome.as_str())),
                LabelExpr::Early { .. } | LabelExpr::Late { .. } => local(i).to_token_stream(),
            });
            quote_mixed!(__PYTHEUS_DECLARED.series(&[#(#values),*]))
        };
        let resolve = quote_mixed! {
            move |[#(#late_names),*]: [#cow; #count], #[allow(unused_variables)] outcome: #private::Outcome| -> #ty {
                #series
            }
        };
        (before, resolve, late)
    }
}

/// The label values in the order of their sorted names, when all are literals.
fn own_values(labels: &[LabelArg]) -> Option<TokenStream> {
    let literals = sorted(labels).map(|i| match &labels[i].value {
        LabelExpr::Literal(text) => Some(quote_mixed!(#text,)),
        _ => None,
    });
    literals.collect()
}

/// The indices of the labels in the order of their sorted names.
fn sorted(labels: &[LabelArg]) -> impl Iterator<Item = usize> + use<> {
    let mut order: Vec<_> = labels.iter().enumerate().map(|(i, label)| (label.place, i)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, i)| i)
}

fn local(i: usize) -> Ident {
    format_ident!("label{i}", span = Span::mixed_site())
}

fn braced(span: Span, tokens: &TokenStream) -> Group {
    let mut group = Group::new(Delimiter::Brace, tokens.clone());
    group.set_span(span);
    group
}

/// The type with `_` in place of each `impl Trait`, which a closure's signature can't name.
fn without_opaque(ty: TokenStream) -> TokenStream {
    let Ok(ty) = syn::parse2::<Type>(ty.clone()) else { return ty };
    opaque::replace(ty).to_token_stream()
}

/// Finds `impl Trait` inside of a type.
mod opaque {
    use syn::{GenericArgument, PathArguments, Type, TypeInfer};

    pub(super) fn replace(mut ty: Type) -> Type {
        visit(&mut ty);
        ty
    }

    fn visit(ty: &mut Type) {
        match ty {
            Type::ImplTrait(_) => {
                *ty = Type::Infer(TypeInfer { underscore_token: <syn::Token![_]>::default(), attrs: Vec::new() })
            }
            Type::Array(array) => visit(&mut array.elem),
            Type::Group(group) => visit(&mut group.elem),
            Type::Paren(paren) => visit(&mut paren.elem),
            Type::Reference(reference) => visit(&mut reference.elem),
            Type::Slice(slice) => visit(&mut slice.elem),
            Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(visit),
            Type::Path(path) => {
                for segment in &mut path.path.segments {
                    if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                        for argument in &mut arguments.args {
                            match argument {
                                GenericArgument::Type(ty) => visit(ty),
                                GenericArgument::AssocType(assoc) => visit(&mut assoc.ty),
                                _ => {}
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// The first use of `ret` in an expression.
pub(crate) fn find_ret(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == "ret" => Some(ident),
        TokenTree::Group(group) => find_ret(group.stream()),
        _ => None,
    })
}
