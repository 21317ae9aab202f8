//! The statements around a body: a guard where it suffices, else a call with an observed end.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{Expr, Ident};

use super::descriptor::type_constant;
use super::model::{Effect, Instrument, LabelArg, LabelExpr, LateExpr, On, Source};
use super::{at, nest, quote_mixed, reference};
use crate::function::Shape;

/// The statements around the body.
pub(super) struct Steps {
    /// When the function is called.
    pub(super) before: TokenStream,
    /// When the work begins.
    pub(super) begin: TokenStream,
    /// The value to hold until the work ends; nothing, when it was counted at once.
    pub(super) held: TokenStream,
    /// When the work is done, given its result; `None` when a guard does it all.
    pub(super) end: Option<TokenStream>,
}

impl Instrument {
    pub(super) fn steps(&self) -> Steps {
        if self.needs_end() { self.full_steps() } else { self.guard_steps() }
    }

    /// Whether it must be known how the call ended.
    fn needs_end(&self) -> bool {
        let late = match &self.source {
            Source::Declared(_, labels) => {
                labels.iter().any(|label| matches!(label.value, LabelExpr::Late { .. } | LabelExpr::Outcome))
            }
            Source::Handle(_) => false,
            Source::LateHandle(_) => true,
        };
        late || !matches!(self.on, On::Call) || self.effect == Effect::SetTimestamp
    }

    /// The user's expressions, evaluated before the body.
    pub(super) fn early(&self) -> TokenStream {
        match &self.source {
            Source::Handle(handle) => handle.to_token_stream(),
            Source::LateHandle(handle) => handle.early().map(|value| quote_mixed!(#value,)).collect(),
            Source::Declared(_, labels) => labels
                .iter()
                .filter_map(|label| match &label.value {
                    LabelExpr::Early { value, .. } => Some(quote_mixed!(#value,)),
                    _ => None,
                })
                .collect(),
        }
    }

    /// The user's expressions, evaluated after it.
    pub(super) fn late(&self) -> TokenStream {
        let labels: &[LabelArg] = match &self.source {
            Source::Declared(_, labels) => labels,
            Source::Handle(_) | Source::LateHandle(_) => &[],
        };
        let handle = match &self.source {
            Source::LateHandle(handle) => Some(handle.late()),
            _ => None,
        };
        let labels = labels.iter().filter_map(|label| match &label.value {
            LabelExpr::Late { value, .. } => Some(&value.value),
            _ => None,
        });
        let guard = match &self.on {
            On::Pattern(pattern) => pattern.1.as_ref(),
            _ => None,
        };
        let all = labels
            .chain(handle.into_iter().flatten())
            .chain(guard)
            .chain(self.error.as_ref().map(|error| &error.value));
        all.map(|value| quote_mixed!(#value,)).collect()
    }

    fn guard_steps(&self) -> Steps {
        let (before, metric) = match &self.source {
            Source::Declared(_, labels) if own_values(labels).is_some() => {
                (TokenStream::new(), quote_mixed!(__PYTHEUS_METRIC))
            }
            Source::Declared(_, labels) => return self.labelled_guard_steps(labels),
            Source::Handle(handle) => (self.handle(handle), quote_mixed!(metric)),
            Source::LateHandle(_) => unreachable!("its end is seen"),
        };
        let own = matches!(self.source, Source::Declared(..));
        let (begin, held) = match self.effect {
            Effect::Count => (quote_mixed!(#metric.inc();), TokenStream::new()),
            Effect::TrackInProgress => (quote_mixed!(let _guard = #metric.track_inprogress();), quote_mixed!(_guard)),
            _ if own => (quote_mixed!(let _guard = __pytheus::time(&#metric);), quote_mixed!(_guard)),
            _ => (quote_mixed!(let _guard = #metric.time();), quote_mixed!(_guard)),
        };
        Steps { before, begin, held, end: None }
    }

    /// The series is looked up at the update, without a handle.
    fn labelled_guard_steps(&self, labels: &[LabelArg]) -> Steps {
        let at_once = matches!(self.shape, Shape::Plain | Shape::Async);
        let (before, begin, held) = match self.effect {
            Effect::Count if at_once => (TokenStream::new(), count_now(&self.ty(), labels), TokenStream::new()),
            Effect::Count => (labelled_later(&self.ty(), labels), quote_mixed!(metric.inc();), TokenStream::new()),
            Effect::TrackInProgress => (
                labelled_later(&self.ty(), labels),
                quote_mixed!(let _guard = metric.track_inprogress();),
                quote_mixed!(_guard),
            ),
            _ => (
                labelled_later(&self.ty(), labels),
                quote_mixed!(let _guard = __pytheus::time(metric);),
                quote_mixed!(_guard),
            ),
        };
        Steps { before, begin, held, end: None }
    }

    /// The handle as the attribute's kind of metric: a wrong kind is a type error at the user's expression.
    fn handle(&self, handle: &Expr) -> TokenStream {
        let ty = self.ty();
        let child = quote_spanned!(at(handle)=> (#handle).to_series());
        quote_mixed!(let metric: #ty = #child;)
    }

    fn full_steps(&self) -> Steps {
        let (before, resolve, late) = self.resolve();
        let effect = match self.effect {
            Effect::Count => quote_mixed!(__pytheus::Count),
            Effect::SetTimestamp => quote_mixed!(__pytheus::SetTimestamp),
            Effect::Observe | Effect::SetDuration | Effect::TrackInProgress => quote_mixed!(__pytheus::Observe),
        };
        let on = match &self.on {
            On::Call => quote_mixed!(__pytheus::On::CALL),
            On::Outcomes(outcomes) => {
                let or = outcomes.iter().skip(1).map(|outcome| quote_mixed!(.or(__pytheus::On::#outcome)));
                let first = outcomes.first();
                quote_mixed!(__pytheus::On::#first #(#or)*)
            }
            On::Pattern(..) => quote_mixed!(__pytheus::On::NONE),
        };
        let begin = match self.shape {
            Shape::Plain => quote_mixed!(let call = __pytheus::Call::begin(#effect, #on, #resolve);),
            Shape::Future { boxed: false } => {
                quote_mixed!(let call = __pytheus::Call::begin_async(#effect, #on, #resolve);)
            }
            _ => quote_mixed!(let mut call = __pytheus::Call::begin_async(#effect, #on, #resolve);),
        };
        let finish = if let On::Pattern(pattern) = &self.on {
            let (pattern, guard) = &**pattern;
            let guard = guard.as_ref().map(|guard| quote_mixed!(if #guard));
            quote_mixed! {
                #[allow(unused_variables, unreachable_patterns)]
                let counts = match &ret {
                    #pattern #guard => true,
                    _ => false,
                };
                call.finish_if(counts, outcome, #late);
            }
        } else {
            quote_mixed!(call.finish(outcome, #late);)
        };
        let outcome = self.outcome();
        let end = quote_mixed! {
            let outcome = { #outcome };
            #finish
        };
        Steps { before, begin, held: quote_mixed!(call), end: Some(end) }
    }

    /// The outcome of a returned call.
    fn outcome(&self) -> TokenStream {
        let Some(LateExpr { value, ret }) = &self.error else {
            return quote_mixed! {
                use __pytheus::{ProbeAny as _, ProbeOutcome as _};
                (&__pytheus::Probe(&ret)).probe_outcome()
            };
        };
        // At the user's expression: the compiler points there when it is no `bool`.
        let error = quote_spanned!(at(value)=> let error: ::core::primitive::bool = #value;);
        quote_mixed! {
            let #ret = &ret;
            #error
            __pytheus::Outcome::of(error)
        }
    }

    /// The preparation before the call, the look-up of the series after it, and the late labels.
    fn resolve(&self) -> (TokenStream, TokenStream, TokenStream) {
        let ty = self.ty();
        let labels = match &self.source {
            Source::Declared(_, labels) => labels,
            Source::Handle(handle) => {
                let resolve =
                    quote_mixed!(move |_: ::core::option::Option<()>, _: __pytheus::Outcome| -> #ty { metric });
                return (self.handle(handle), resolve, quote_mixed!(()));
            }
            Source::LateHandle(handle) => {
                return (handle.keep_early(), handle.resolve(&ty), handle.late_values());
            }
        };
        if own_values(labels).is_some() {
            let resolve = quote_mixed! {
                move |_: ::core::option::Option<()>, _: __pytheus::Outcome| -> #ty {
                    <#ty>::declared(&__PYTHEUS_DECLARED)
                }
            };
            return (TokenStream::new(), resolve, quote_mixed!(()));
        }
        let before = keep_early(labels);
        let mut late = Vec::new();
        let mut late_names = Vec::new();
        for (i, label) in labels.iter().enumerate() {
            if let LabelExpr::Late { value: LateExpr { value, ret }, typed } = &label.value {
                let value = text(&label.name, value, *typed);
                late.push(quote_mixed!({
                    let #ret = &ret;
                    let label = #value;
                    label
                }));
                late_names.push(local(i));
            }
        }
        let count = late.len();
        let labelled = labelled(&ty, sorted(labels).map(|i| state(&labels[i].value, &local(i))));
        let resolve = quote_mixed! {
            move |late, #[allow(unused_variables)] outcome: __pytheus::Outcome| {
                let [#(#late_names),*] = __pytheus::texts::<#count>(late);
                #labelled
            }
        };
        (before, resolve, quote_mixed!([#(#late),*]))
    }
}

/// Counts one in the series of known labels.
fn count_now(ty: &TokenStream, labels: &[LabelArg]) -> TokenStream {
    // Not `let`s: a value may borrow from a temporary, and a `match` keeps it long enough.
    let early = labels.iter().enumerate().filter_map(|(i, label)| match &label.value {
        LabelExpr::Early { value, .. } => Some((reference(value), local(i))),
        _ => None,
    });
    let (given, names): (Vec<_>, Vec<_>) = early.unzip();
    let labelled = labelled(
        ty,
        sorted(labels).map(|i| {
            let LabelArg { name, value } = &labels[i];
            let mut local = local(i);
            let LabelExpr::Early { value, typed } = value else { return state(value, &local) };
            let place = at(value);
            local.set_span(place);
            if *typed {
                return keep(name, place, &local.to_token_stream());
            }
            quote_spanned!(place=> __pytheus::borrow_label(#local))
        }),
    );
    quote_mixed! {
        match (#(#given,)*) {
            (#(#names,)*) => #labelled.inc(),
        }
    }
}

/// The early labels, kept until the look-up of their series.
fn labelled_later(ty: &TokenStream, labels: &[LabelArg]) -> TokenStream {
    let keep = keep_early(labels);
    let labelled = labelled(ty, sorted(labels).map(|i| state(&labels[i].value, &local(i))));
    quote_mixed! {
        #keep
        let metric = #labelled;
    }
}

/// Keeps the values of early labels. Takes references: the user's arguments are not moved.
fn keep_early(labels: &[LabelArg]) -> TokenStream {
    let early = labels.iter().enumerate().filter_map(|(i, LabelArg { name, value })| {
        let LabelExpr::Early { value, typed } = value else { return None };
        let place = at(value);
        let local = local(i);
        let value = reference(value);
        let kept =
            if *typed { keep(name, place, &value) } else { quote_spanned!(place=> __pytheus::own_label(#value)) };
        Some(quote_mixed!(let #local = #kept;))
    });
    early.collect()
}

/// Keeps the value of a typed label, given a reference to it.
fn keep(name: &str, place: Span, value: &TokenStream) -> TokenStream {
    let mut ty = type_constant(name);
    ty.set_span(place);
    quote_spanned!(place=> __pytheus::own_typed_label::<{ #ty.is_closed() }, _>(&#ty, #value))
}

/// The text of a value. Takes a reference, as above.
fn text(name: &str, value: &Expr, typed: bool) -> TokenStream {
    let place = at(value);
    let value = reference(value);
    if typed {
        let mut ty = type_constant(name);
        ty.set_span(place);
        return quote_spanned!(place=> __pytheus::SmallText::of_type(&#ty, #value));
    }
    quote_spanned!(place=> __pytheus::SmallText::of(#value))
}

/// A label with its value, in a variable unless it is a literal.
fn state(value: &LabelExpr, local: &Ident) -> TokenStream {
    match value {
        LabelExpr::Literal(text) => quote_mixed!(__pytheus::Set::new(#text)),
        LabelExpr::Method { name, names } => {
            let place = names.iter().position(|known| known == name);
            quote_mixed!(__pytheus::EnumValue::at(&[#(#names),*], #place))
        }
        LabelExpr::Early { .. } => local.to_token_stream(),
        LabelExpr::Late { .. } => quote_mixed!(__pytheus::Set::new(#local)),
        LabelExpr::Outcome => quote_mixed!(__pytheus::outcome(outcome)),
    }
}

/// The metric of the attribute with labels, in the order of their sorted names.
fn labelled(ty: &TokenStream, states: impl DoubleEndedIterator<Item = TokenStream>) -> TokenStream {
    let states = nest(states);
    quote_mixed!(#ty::labelled(&__PYTHEUS_DECLARED, #states))
}

/// The label values in the order of their sorted names, when all are literals.
pub(super) fn own_values(labels: &[LabelArg]) -> Option<TokenStream> {
    let literals = sorted(labels).map(|i| match &labels[i].value {
        LabelExpr::Literal(text) => Some(quote_mixed!(#text,)),
        LabelExpr::Method { name, .. } => Some(quote_mixed!(#name,)),
        _ => None,
    });
    literals.collect()
}

/// The indices of the labels in the order of their sorted names.
fn sorted(labels: &[LabelArg]) -> impl DoubleEndedIterator<Item = usize> {
    let mut order: Vec<_> = labels.iter().map(|label| &label.name).zip(0..).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, i)| i)
}

fn local(i: usize) -> Ident {
    format_ident!("label{i}", span = Span::mixed_site())
}
