//! The statics behind a metric: its descriptor, its declaration, its registration, and the checks of its arguments.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Ident, LitBool, Type};

use super::label_set::without_lifetimes;
use super::model::{DeclaredLabel, Metric, Values};
use super::{at, quote_mixed, reference};
use crate::options::{Buckets, Kind, Registry};

impl Metric {
    /// The type of the metric.
    pub(crate) fn ty(&self) -> TokenStream {
        metric_type(&self.private, self.kind, self.states.as_ref())
    }

    /// Its type with these labels.
    pub(crate) fn labelled_ty(&self, list: &TokenStream) -> TokenStream {
        let (private, name) = (&self.private, self.kind.ident(Span::mixed_site()));
        let states = self.states.as_ref().map(|states| quote_mixed!(#states,));
        quote_mixed!(#private::metrics::#name<#states #private::Labelled<#list>>)
    }

    /// The statics; the label values of the metric's own series when they are all literals.
    pub(crate) fn statics(&self, own: Option<&TokenStream>) -> TokenStream {
        let private = &self.private;
        let ty = self.ty();
        let arguments = self.arguments();
        let (count, labels) = if let Some(set) = &self.label_set {
            let set = without_lifetimes(set.to_token_stream());
            let labels = quote_mixed!(<#set as #private::LabelSet>::LABELS);
            (quote_mixed!({ #labels.len() }), quote_mixed!(#private::label_specs(#labels)))
        } else {
            let (count, labels) = (self.labels.len(), self.labels());
            (quote_mixed!(#count), quote_mixed!([#labels]))
        };
        let declare = self.declare();
        let own = present(own.map(|values| quote_mixed!(&[#values])));
        let scope = match &self.registry {
            None => quote_mixed!(#private::Scope::Default),
            Some(Registry::Nowhere) => quote_mixed!(#private::Scope::Nowhere),
            Some(Registry::At(path)) => {
                let path = reference(path);
                quote_mixed!(#private::Scope::In(|| #path))
            }
        };
        let submit = (!matches!(self.registry, Some(Registry::Nowhere)))
            .then(|| quote_mixed!(#private::submit!(__PYTHEUS_DECLARED);));
        quote_mixed! {
            #arguments
            static __PYTHEUS_LABELS: [#private::LabelSpec; #count] = #labels;
            static __PYTHEUS_DESCRIPTOR: #private::Descriptor = #declare;
            static __PYTHEUS_DECLARED: #private::Declared =
                #private::Declared::new::<#ty>(&__PYTHEUS_DESCRIPTOR, #scope, #own);
            #submit
        }
    }

    fn declare(&self) -> TokenStream {
        let private = &self.private;
        let kind = self.kind.ident(Span::mixed_site());
        let help = &self.help;
        let unit = present(self.unit.as_ref().map(|_| quote_mixed!(__PYTHEUS_UNIT)));
        let limit = present(self.limit.as_ref().map(|_| quote_mixed!(__PYTHEUS_LIMIT)));
        let buckets = match (&self.buckets, self.kind) {
            (Some(_), _) => quote_mixed!(__PYTHEUS_BUCKETS),
            (None, Kind::Histogram) => quote_mixed!(&#private::DEFAULT_BUCKETS),
            (None, _) => quote_mixed!(&[]),
        };
        let states = self.states.as_ref().map_or_else(|| quote_mixed!(&[]), |_| quote_mixed!(__PYTHEUS_STATES));
        let mode = self.mode.clone().unwrap_or_else(|| Ident::new("Shared", Span::mixed_site()));
        let zero_series = self.zero_series.as_ref().is_none_or(LitBool::value);
        // At the span of the name: file and line are those of the declaration.
        let location = quote_spanned! {self.name.span()=>
            ::core::module_path!(), ::core::file!(), ::core::line!(), ::core::column!()
        };
        quote_mixed! {
            #private::Declare {
                kind: #private::Kind::#kind,
                name: __PYTHEUS_NAME,
                help: #help,
                unit: #unit,
                labels: &__PYTHEUS_LABELS,
                buckets: #buckets,
                states: #states,
                mode: #private::GaugeMode::#mode,
                limit: #limit,
                zero_series: #zero_series,
                location: #private::Location::new(#location),
            }
            .build()
        }
    }

    /// Writes a constant and a check per argument: every mistake has its own caret.
    fn arguments(&self) -> TokenStream {
        let check = |rule, span, given: &TokenStream| self.check(rule, span, given);
        let text = quote_mixed!(&'static ::core::primitive::str);
        let mut tokens = self.full_name();
        let rule = match self.kind {
            Kind::Info => Some("info_name"),
            Kind::StateSet => Some("state_set_name"),
            _ => None,
        };
        tokens.extend(rule.map(|rule| check(rule, self.name.span(), &quote_mixed!(__PYTHEUS_NAME))));
        if let Some(unit) = &self.unit {
            let counter = self.kind == Kind::Counter;
            tokens.extend(quote_mixed!(const __PYTHEUS_UNIT: #text = #unit;));
            let given = quote_mixed!(__PYTHEUS_NAME, __PYTHEUS_UNIT, #counter);
            tokens.extend(check("unit", unit.span(), &given));
        }
        if let Some(limit) = &self.limit {
            tokens.extend(quote_mixed!(const __PYTHEUS_LIMIT: ::core::primitive::usize = #limit;));
            tokens.extend(check("limit", limit.span(), &quote_mixed!(__PYTHEUS_LIMIT)));
        }
        if let Some(buckets) = &self.buckets {
            let (bounds, span) = bounds(buckets);
            tokens.extend(quote_mixed!(const __PYTHEUS_BUCKETS: &'static [::core::primitive::f64] = #bounds;));
            tokens.extend(check("buckets", span, &quote_mixed!(__PYTHEUS_BUCKETS)));
        }
        if let Some(states) = &self.states {
            tokens.extend(quote_mixed! {
                const __PYTHEUS_VALUES: ::core::option::Option<&'static [#text]> =
                    __pytheus::typed::<#states>().values;
                const __PYTHEUS_STATES: &'static [#text] = match __PYTHEUS_VALUES {
                    ::core::option::Option::Some(values) => values,
                    ::core::option::Option::None => &[],
                };
            });
            tokens.extend(check("states", states.span(), &quote_mixed!(__PYTHEUS_VALUES)));
        }
        if self.owner.is_none() {
            tokens.extend(self.types());
        }
        tokens.extend(self.label_checks());
        tokens
    }

    /// A check by the compiler, with its caret at the span.
    fn check(&self, rule: &str, span: Span, arguments: &TokenStream) -> TokenStream {
        if !self.is_checked {
            return TokenStream::new();
        }
        let rule = Ident::new(rule, span);
        quote_spanned!(span=> const _: () = __pytheus::check(__pytheus::name::#rule(#arguments));)
    }

    fn full_name(&self) -> TokenStream {
        let check = |rule, span, given: &TokenStream| self.check(rule, span, given);
        let private = &self.private;
        let text = quote_mixed!(&'static ::core::primitive::str);
        let name = &self.name;
        let Some(namespace) = &self.namespace else {
            let check = check("metric_name", name.span(), &quote_mixed!(__PYTHEUS_NAME));
            return quote_mixed!(const __PYTHEUS_NAME: #text = #name; #check);
        };
        let checks = [
            check("metric_name", namespace.span(), &quote_mixed!(__PYTHEUS_PARTS[0])),
            check("metric_name", name.span(), &quote_mixed!(__PYTHEUS_PARTS[2])),
        ];
        quote_mixed! {
            const __PYTHEUS_PARTS: &'static [#text] = &[#namespace, "_", #name];
            const __PYTHEUS_NAME: #text =
                #private::joined(&#private::join::<{ #private::join_len(__PYTHEUS_PARTS) }>(__PYTHEUS_PARTS));
            #(#checks)*
        }
    }

    /// Checks the labels of a struct, with the caret at its name.
    fn set_checks(&self, set: &Type) -> TokenStream {
        let private = &self.private;
        let span = set.span();
        let set = without_lifetimes(set.to_token_stream());
        let labels = quote_spanned!(span=> <#set as #private::LabelSet>::LABELS);
        let is_per_process = self.mode.as_ref().is_some_and(|mode| mode == "PerProcess");
        let own = self.kind.own_label().or(is_per_process.then_some("pid"));
        let own = present(own.map(|own| quote_mixed!(#own)));
        let state_set = present((self.kind == Kind::StateSet).then(|| quote_mixed!(__PYTHEUS_NAME)));
        let mut tokens = self.check("label_set", span, &quote_mixed!(#labels, #own, #state_set));
        if self.zero_series.as_ref().is_none_or(LitBool::value) {
            let limit = present(self.limit.as_ref().map(|_| quote_mixed!(__PYTHEUS_LIMIT)));
            let sets = quote_mixed!(&#private::closed_sets::<{ #labels.len() }>(#labels));
            tokens.extend(self.check("zero_series", span, &quote_mixed!(#sets, #limit)));
        }
        tokens
    }

    fn label_checks(&self) -> TokenStream {
        if let Some(set) = &self.label_set {
            return self.set_checks(set);
        }
        let check = |rule, span, given: &TokenStream| self.check(rule, span, given);
        let names = self.labels.iter().map(|label| {
            let text = &label.text;
            let span = label.name.span();
            let own = (self.kind == Kind::StateSet)
                .then(|| check("state_set_label", span, &quote_mixed!(__PYTHEUS_NAME, #text)));
            let valid = check("label_name", span, &quote_mixed!(#text));
            quote_mixed!(#valid #own)
        });
        let mut tokens: TokenStream = names.collect();
        let span =
            self.labels.iter().find_map(|label| (!matches!(label.values, Values::Open)).then(|| label.name.span()));
        if let Some(span) = span.filter(|_| self.zero_series.as_ref().is_none_or(LitBool::value)) {
            let sets = self.labels.iter().map(|label| self.values(label));
            let limit = present(self.limit.as_ref().map(|_| quote_mixed!(__PYTHEUS_LIMIT)));
            tokens.extend(check("zero_series", span, &quote_mixed!(&[#(#sets),*], #limit)));
        }
        tokens
    }

    fn labels(&self) -> TokenStream {
        let private = &self.private;
        let labels = self.labels.iter().map(|label| {
            let text = &label.text;
            let values = self.values(label);
            let default = present(label.default.as_ref().map(|default| self.render(label, default)));
            quote_mixed!(#private::LabelSpec::declared(#text, #values, #default),)
        });
        labels.collect()
    }

    /// The constant for the type of a typed label.
    pub(crate) fn typed(&self, label: &DeclaredLabel) -> TokenStream {
        let name = type_constant(&label.text);
        match &self.owner {
            Some(owner) => quote_mixed!(<#owner>::#name),
            None => name.to_token_stream(),
        }
    }

    /// The constants for the types of the typed labels.
    pub(crate) fn types(&self) -> TokenStream {
        let private = &self.private;
        let types = self.labels.iter().filter_map(|label| {
            let Values::Typed(ty) = &label.values else { return None };
            let name = type_constant(&label.text);
            Some(quote_mixed! {
                #[allow(non_upper_case_globals)]
                const #name: #private::Typed<#ty> = #private::typed::<#ty>();
            })
        });
        types.collect()
    }

    /// The closed set of a label.
    fn values(&self, label: &DeclaredLabel) -> TokenStream {
        let private = &self.private;
        match &label.values {
            Values::Open => quote_mixed!(::core::option::Option::None),
            Values::Typed(_) => {
                let typed = self.typed(label);
                quote_mixed!(#typed.values)
            }
            Values::Outcome => quote_mixed!(<#private::Outcome as #private::LabelValue>::VALUES),
            Values::Methods(names) => quote_mixed!(::core::option::Option::Some(&[#(#names),*])),
        }
    }

    /// The default: text, or a function.
    fn render(&self, label: &DeclaredLabel, default: &Expr) -> TokenStream {
        let private = &self.private;
        let rendered = |function| quote_mixed!(#private::DefaultValue::rendered(#function));
        match (&label.values, default) {
            (Values::Typed(_), _) => {
                let typed = self.typed(label);
                let render = quote_spanned!(at(default)=> (#typed.into_label)(#default));
                rendered(quote_mixed!(|| #render))
            }
            (_, Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) => {
                quote_mixed!(#private::DefaultValue::Text(#private::Cow::Borrowed(#text)))
            }
            _ => rendered(quote_spanned!(default.span()=> || #private::LabelValue::into_label(#default))),
        }
    }
}

/// The name of the constant for the type of a label.
pub(crate) fn type_constant(label: &str) -> Ident {
    format_ident!("__PYTHEUS_TYPE_{label}", span = Span::mixed_site())
}

/// `Some(..)` or `None`, as written into the user's crate.
fn present(tokens: Option<TokenStream>) -> TokenStream {
    let none = || quote_mixed!(::core::option::Option::None);
    tokens.map_or_else(none, |tokens| quote_mixed!(::core::option::Option::Some(#tokens)))
}

fn bounds(buckets: &Buckets) -> (TokenStream, Span) {
    match buckets {
        Buckets::Bounds(list) => (reference(list), list.span()),
        Buckets::Spread { by, arguments } => {
            let [start, step, count] = &**arguments;
            let function = format_ident!("{by}_buckets", span = by.span());
            (quote_mixed!(&__pytheus::#function::<{ #count }>(#start, #step)), by.span())
        }
    }
}

/// The type of a metric of this kind.
pub(crate) fn metric_type(private: &TokenStream, kind: Kind, states: Option<&Type>) -> TokenStream {
    let name = kind.ident(Span::mixed_site());
    let argument = states.map(|states| quote_mixed!(<#states>));
    quote_mixed!(#private::metrics::#name #argument)
}
