//! The rules of a declaration in `metric!`.

use proc_macro2::{Span, TokenStream};
use syn::LitStr;

use crate::check::{help, literal, metric, unique};
use crate::declaration::{Declaration, Labels};
use crate::errors::Errors;
use crate::expand::model::{DeclaredLabel, Metric, Static, Values};
use crate::expand::quote_mixed;
use crate::options::{Label, doc_text};
use crate::reserved::setter;

/// Checks a declaration of `metric!`.
///
/// After a mistake the `static` is still there, unregistered and with the same labels, so that its uses are no
/// further mistakes.
pub(crate) fn declaration(declaration: Declaration, krate: &TokenStream, errors: &mut Errors) -> Static {
    let Declaration { attrs, vis, ident, kind, states, options, labels, errors: mut own } = declaration;
    let private = quote_mixed!(#krate::__private);
    let help = help(&options, doc_text(&attrs));
    if help.is_none() {
        own.at(&ident, "missing help: add a doc comment or `help: \"..\"`, it is what people see in Prometheus");
    }
    let (listed, label_set) = match labels.map(|labels| labels.value) {
        None => (Vec::new(), None),
        Some(Labels::Listed(listed)) => (listed, None),
        Some(Labels::Set(set)) => (Vec::new(), Some(*set)),
    };
    let mut labels = unique(kind, listed, &mut own);
    labels.sort_by_key(Label::text);
    let setters = labels.iter().map(|label| setter(kind, label, &labels)).collect();
    let specs = || labels.iter().map(declared_label).collect();
    let placeholder = || literal(LitStr::new("pytheus_placeholder_info", Span::mixed_site()));
    let help = help.unwrap_or_else(placeholder);
    let metric = metric(kind, private.clone(), options, help, specs(), &mut own).filter(|_| own.is_empty());
    let mut metric = metric.unwrap_or_else(|| Metric {
        private,
        kind,
        states: None,
        name: placeholder(),
        help: placeholder(),
        namespace: None,
        unit: None,
        buckets: None,
        mode: None,
        limit: None,
        zero_series: Some(syn::LitBool::new(false, Span::mixed_site())),
        registry: Some(crate::options::Registry::Nowhere),
        labels: specs(),
        label_set: None,
        owner: None,
        is_checked: true,
    });
    metric.states = states;
    metric.label_set = label_set;
    metric.owner = (!metric.labels.is_empty()).then(|| ident.clone());
    errors.extend(own);
    Static { attrs, vis, ident, metric, setters, lacks_prelude: false }
}

fn declared_label(label: &Label) -> DeclaredLabel {
    DeclaredLabel {
        name: label.name.clone(),
        text: label.text(),
        values: label.ty.clone().map_or(Values::Open, Values::typed),
        default: label.value.clone(),
        docs: label.docs.clone(),
    }
}
