//! The rules over more than one argument. The expansion of checked arguments can't fail.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, Ident, LitStr, ReturnType};

use crate::args::{self, Args, FLAGS, Returned};
use crate::errors::{Errors, list};
use crate::expand::model::{
    DeclaredLabel, Effect, Instrument, LabelArg, LabelExpr, LateExpr, LateHandle, Metric, On, Source, Values,
};
use crate::expand::support;
use crate::function::{Function, Shape};
use crate::handle;
use crate::impl_block::Method;
use crate::options::{Keyed, Kind, Label, Options, default_crate};
use crate::returned::opaque_future;
use crate::tokens::{find_ident, find_ret, replace_ident};

/// Checks an attribute against its function.
pub(crate) fn instrument(
    kind: Kind,
    args: Args,
    function: Function,
    method: Option<&Method>,
    errors: &mut Errors,
) -> Option<Instrument> {
    let args_are_sound = errors.is_empty();
    let returned = args.future.as_ref().map(|future| future.value);
    let shape = function.shape(returned);
    check_future(&args, &function, errors);
    let krate = args.krate.as_ref().map_or_else(default_crate, |krate| krate.value.to_token_stream());
    if let Some(constness) = &function.sig.constness {
        let cure = if method.is_some() { "; leave it out: `#[pytheus(skip)]`" } else { "" };
        errors.at(constness, format!("a `const fn` can't count: it may run while the program is compiled{cure}"));
    }
    let effect = effect(kind, &args, errors);
    check_on(&args, effect, &function, &shape, errors);
    let error = error_expr(&args, effect, &function, errors);
    let on = match args.on.map(|on| on.value) {
        None => On::Call,
        Some(on) if on.is_call() => On::Call,
        Some(args::On::Words(words)) => On::Outcomes(words.iter().map(constant).collect()),
        Some(args::On::Pattern(pattern)) => On::Pattern(pattern),
    };
    let source = if let Some(handle) = args.handle {
        let handle = method.map_or_else(|| handle.clone(), |method| named_method(&handle, method, &function));
        refuse_beside_handle(kind, &args.options, args.labels.as_ref(), errors);
        let late = handle::read(&handle, &function, errors);
        Some(match late {
            None => Source::Handle(handle),
            Some(late) => {
                check_late_handle(&late, effect, &function, errors);
                Source::LateHandle(Box::new(late))
            }
        })
    } else {
        if args_are_sound {
            require(kind, &args.options, &function, method, errors);
        }
        declared(kind, args.options, args.labels, &function, method, effect, errors)
    };
    let hides_no_future = returned.is_none() && matches!(shape, Shape::Plain);
    let guarded = hides_no_future.then(|| function.may_return_future()).flatten();
    let instrument = Instrument { function, shape, krate, kind, source: source?, effect: effect?, on, error, guarded };
    errors.is_empty().then_some(instrument)
}

/// The constant of the runtime's `On`.
fn constant(word: &Ident) -> Ident {
    Ident::new(&word.to_string().to_uppercase(), word.span())
}

/// Checks the effect of the attribute on its metric.
fn effect(kind: Kind, args: &Args, errors: &mut Errors) -> Option<Effect> {
    match kind {
        Kind::Gauge => match &args.flags[..] {
            [flag] if flag == FLAGS[0] => Some(Effect::TrackInProgress),
            [flag] if flag == FLAGS[1] => Some(Effect::SetDuration),
            [_] => Some(Effect::SetTimestamp),
            // An unreadable argument may have been the word.
            [] if !errors.is_empty() => None,
            [] => {
                errors.at_span(Span::call_site(), format!("say what the gauge does: one of {}", list(&FLAGS)));
                None
            }
            [first, more @ ..] => {
                for flag in more {
                    if flag == first {
                        errors.at(flag, format!("`{flag}` is given twice"));
                        continue;
                    }
                    errors.at(flag, format!("a gauge does one thing, {}: stack two attributes", list(&FLAGS)));
                }
                None
            }
        },
        kind => {
            let does = if kind == Kind::Counter { "counts" } else { "times" };
            let attribute = kind.name().to_lowercase();
            for flag in &args.flags {
                errors.at(flag, format!("only `#[gauge]` has `{flag}`: a {attribute} {does} each call"));
            }
            Some(if kind == Kind::Counter { Effect::Count } else { Effect::Observe })
        }
    }
}

fn check_on(args: &Args, effect: Option<Effect>, function: &Function, shape: &Shape, errors: &mut Errors) {
    let Some(Keyed { key, value: on }) = &args.on else { return };
    if effect == Some(Effect::TrackInProgress) {
        errors.at(key, "a call is in progress before it is known how it ends: leave `on` out");
    }
    if let (args::On::Words(words), Shape::Plain) = (on, shape) {
        for word in words.iter().filter(|word| *word == "cancelled") {
            let name = &function.sig.ident;
            errors
                .at(word, format!("a plain function can't be cancelled: `{name}` is not async and returns no future"));
        }
    }
}

/// `future` says what the return type doesn't.
fn check_future(args: &Args, function: &Function, errors: &mut Errors) {
    let returned = match &function.sig.output {
        ReturnType::Type(_, ty) => Some(ty),
        ReturnType::Default => None,
    };
    let Some(Keyed { key, value }) = &args.future else {
        if let Some(hidden) = returned.filter(|_| function.future().is_none()).and_then(|ty| opaque_future(ty)) {
            let message = "this call ends when the future is made, not when the future ends: say `future = untracked` if \
                           that is meant";
            errors.at(hidden, message);
        }
        return;
    };
    let name = &function.sig.ident;
    if function.sig.asyncness.is_some() {
        errors.at(key, format!("`{name}` is async, and its calls last until it ends: leave `future` out"));
    } else if returned.is_none() {
        errors.at(key, format!("`{name}` returns no future: leave `future` out"));
    } else if *value == Returned::Boxed && function.future().is_some_and(|(_, boxed)| !boxed) {
        errors.at(key, "its type shows this future, which isn't boxed: leave `future` out");
    }
}

/// Checks the expression of `error`.
fn error_expr(args: &Args, effect: Option<Effect>, function: &Function, errors: &mut Errors) -> Option<LateExpr> {
    let Keyed { key, value } = args.error.as_ref()?;
    let labels = args.labels.iter().flat_map(|labels| &labels.value);
    let outcome = labels.into_iter().any(|label| label.name == "outcome" && label.value.is_none());
    let handle = args.handle.as_ref().map(ToTokens::to_token_stream).unwrap_or_default();
    let outcome = outcome || find_ident(handle, &|word| word == "outcome").is_some();
    let on = args.on.as_ref().is_some_and(|on| matches!(&on.value, args::On::Words(_)) && !on.value.is_call());
    if effect == Some(Effect::TrackInProgress) {
        errors.at(key, "a call is in progress before it is known how it ends: leave `error` out");
    } else if !outcome && !on {
        errors.at(key, "nothing here asks how a call ended: add the label `outcome`, or `on = error`");
    }
    let Some(ret) = find_ret(value.to_token_stream()) else {
        errors.at(value, "`error` is said of the returned value: `error = ret.is_empty()`");
        return None;
    };
    late(value, ret, function, errors)
}

/// An existing metric with the name of the function in place of the word `method`, unless an argument has this name.
fn named_method(handle: &Expr, method: &Method, function: &Function) -> Expr {
    if find_ident(function.sig.inputs.to_token_stream(), &|word| word == "method").is_some() {
        return handle.clone();
    }
    let name = LitStr::new(&method.name.unraw().to_string(), method.name.span());
    let tokens = replace_ident(handle.to_token_stream(), "method", &name.into_token_stream());
    syn::parse2(tokens).unwrap_or_else(|_| handle.clone())
}

/// Checks labels of an existing metric with the outcome or the returned value in them.
fn check_late_handle(handle: &LateHandle, effect: Option<Effect>, function: &Function, errors: &mut Errors) {
    let first = handle.ret.as_ref().unwrap_or(&handle.outcome);
    if effect == Some(Effect::TrackInProgress) {
        errors.at(first, "not known yet while the call is in progress: this gauge's labels must be known before it");
    }
    let Some(ret) = &handle.ret else { return };
    if let Some(syn::Type::Never(_)) = function.output() {
        errors.at(ret, "there is no returned value: this function never returns");
    }
    for value in handle.late() {
        late(value, ret.clone(), function, errors);
    }
}

fn refuse_beside_handle(kind: Kind, options: &Options, labels: Option<&Keyed<Vec<Label>>>, errors: &mut Errors) {
    for key in options.keys() {
        errors.at(key, format!("an existing metric was declared with its `{key}`: leave it out here"));
    }
    if let Some(labels) = labels {
        let attribute = kind.name().to_lowercase();
        let message = format!(
            "give labels to the metric itself: `#[{attribute}(METRIC.label(value))]`, also those of the call's end, \
             `METRIC.outcome(outcome)` and `METRIC.size(ret.len())`"
        );
        errors.at(&labels.key, message);
    }
}

/// A new metric has a name and help.
fn require(kind: Kind, options: &Options, function: &Function, method: Option<&Method>, errors: &mut Errors) {
    if options.name.is_none() {
        let attribute = kind.name().to_lowercase();
        let message = format!(
            "missing `name`: `#[{attribute}(name = \"..\")]` declares a metric, `#[{attribute}(METRIC)]` counts in an \
             existing one"
        );
        errors.at_span(Span::call_site(), message);
    } else if options.help.is_none() && function.help.is_none() {
        let message = "missing help: add a doc comment or `help = \"..\"`, it is what people see in Prometheus";
        match method {
            None => errors.at(&function.sig.ident, message),
            Some(_) => errors.at_span(Span::call_site(), message),
        }
    }
}

/// The attribute's own metric, and its label values.
fn declared(
    kind: Kind,
    options: Options,
    labels: Option<Keyed<Vec<Label>>>,
    function: &Function,
    method: Option<&Method>,
    effect: Option<Effect>,
    errors: &mut Errors,
) -> Option<Source> {
    let help = help(&options, function.help.clone());
    let mut labels = unique(kind, labels.map(|labels| labels.value).unwrap_or_default(), errors);
    let mut args = Vec::new();
    let mut specs = Vec::new();
    if let Some(Method { name, names, .. }) = method {
        labels.retain(|label| label.name != "method" || label.value.is_some() || label.ty.is_some());
        if labels.iter().all(|label| label.name != "method") {
            let value = LabelExpr::Method { name: name.unraw().to_string(), names: names.clone() };
            args.push(LabelArg { name: "method".to_owned(), value });
            specs.push(DeclaredLabel {
                name: Ident::new("method", Span::mixed_site()),
                text: "method".to_owned(),
                values: Values::Methods(names.clone()),
                default: None,
                docs: Vec::new(),
            });
        }
    }
    for label in labels {
        let text = label.text();
        let Some(value) = label_expr(&label, function, effect, errors) else { continue };
        let values = match (&value, label.ty) {
            (LabelExpr::Outcome, _) => Values::Outcome,
            (_, Some(ty)) => Values::typed(ty),
            (_, None) => Values::Open,
        };
        args.push(LabelArg { name: text.clone(), value });
        specs.push(DeclaredLabel { name: label.name, text, values, default: None, docs: Vec::new() });
    }
    specs.sort_by(|a, b| a.text.cmp(&b.text));
    let mut metric = metric(kind, support(), options, help?, specs, errors)?;
    metric.is_checked = method.is_none_or(|method| method.is_checked);
    if effect == Some(Effect::TrackInProgress) && metric.mode.is_none() {
        // The share of a killed process should go with it.
        metric.mode = Some(Ident::new("LiveSum", Span::mixed_site()));
    }
    Some(Source::Declared(Box::new(metric), args))
}

/// Where the value of a label comes from.
fn label_expr(label: &Label, function: &Function, effect: Option<Effect>, errors: &mut Errors) -> Option<LabelExpr> {
    let in_progress = effect == Some(Effect::TrackInProgress);
    let refuse_late = |errors: &mut Errors, at: &Ident| {
        if in_progress {
            errors.at(at, "not known yet while the call is in progress: this gauge's labels must be known before it");
        }
    };
    let value = match (&label.value, &label.ty) {
        (None, None) if label.name == "outcome" => {
            refuse_late(errors, &label.name);
            return Some(LabelExpr::Outcome);
        }
        // The name of an argument stands for its value.
        (None, _) => variable(&label.name),
        (Some(value), _) => value.clone(),
    };
    let typed = label.ty.is_some();
    let generic = |word: &Ident| function.sig.generics.type_params().any(|param| param.ident == *word);
    if let Some(generic) = find_ident(label.ty.to_token_stream(), &generic) {
        errors.at(generic, "one metric serves every instance of this function: leave the type of the label out");
        return None;
    }
    if let (Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }), false) = (&value, typed) {
        return Some(LabelExpr::Literal(text.clone()));
    }
    let Some(ret) = find_ret(value.to_token_stream()) else { return Some(LabelExpr::Early { value, typed }) };
    refuse_late(errors, &ret);
    Some(LabelExpr::Late { value: late(&value, ret, function, errors)?, typed })
}

/// An expression over the returned value.
fn late(value: &Expr, ret: Ident, function: &Function, errors: &mut Errors) -> Option<LateExpr> {
    let arguments = function.sig.inputs.to_token_stream();
    if let Some(argument) = find_ret(arguments) {
        errors.at(argument, "`ret` is the returned value in this attribute: give the argument another name");
        return None;
    }
    if let Some(argument) = function.taken(value) {
        let message = "the body has taken this argument away when `ret` is there: a label uses one or the other";
        errors.at(argument, message);
        return None;
    }
    Some(LateExpr { value: value.clone(), ret })
}

fn variable(name: &Ident) -> Expr {
    let path = syn::Path::from(name.clone());
    Expr::Path(syn::ExprPath { attrs: Vec::new(), qself: None, path })
}

/// The valid labels; each other one is told why it is refused.
pub(crate) fn unique(kind: Kind, labels: Vec<Label>, errors: &mut Errors) -> Vec<Label> {
    let mut known: Vec<Label> = Vec::new();
    for label in labels {
        let text = label.text();
        if known.iter().any(|known| known.text() == text) {
            errors.at(&label.name, format!("the label `{text}` is given twice"));
        } else if kind.own_label() == Some(&text) {
            let kind = kind.name().to_lowercase();
            errors.at(&label.name, format!("a {kind} brings the label `{text}` itself: choose another name"));
        } else {
            known.push(label);
        }
    }
    known
}

pub(crate) fn help(options: &Options, docs: Option<LitStr>) -> Option<Expr> {
    match &options.help {
        Some(help) => Some(help.value.clone()),
        None => docs.map(literal),
    }
}

pub(crate) fn literal(text: LitStr) -> Expr {
    Expr::Lit(syn::ExprLit { attrs: Vec::new(), lit: syn::Lit::Str(text) })
}

pub(crate) fn metric(
    kind: Kind,
    private: TokenStream,
    options: Options,
    help: Expr,
    labels: Vec<DeclaredLabel>,
    errors: &mut Errors,
) -> Option<Metric> {
    if let Some(buckets) = options.buckets.as_ref().filter(|_| kind != Kind::Histogram) {
        let kind = kind.name().to_lowercase();
        errors.at(&buckets.key, format!("a {kind} has no `buckets`, only a histogram does"));
    }
    if let Some(mode) = options.mode.as_ref().filter(|_| kind != Kind::Gauge) {
        let kind = kind.name().to_lowercase();
        errors.at(&mode.key, format!("a {kind} has no `mode`, only a gauge does"));
    }
    if let Some(mode) = options.mode.as_ref().filter(|mode| mode.value == "PerProcess")
        && labels.iter().any(|label| label.text == "pid")
    {
        errors.at(
            &mode.value,
            "a gauge with one series per process brings the label `pid` itself: give yours another name",
        );
    }
    Some(Metric {
        private,
        kind,
        states: None,
        name: options.name?.value,
        help,
        namespace: options.namespace.map(|namespace| namespace.value),
        unit: options.unit.map(|unit| unit.value),
        buckets: options.buckets.map(|buckets| buckets.value),
        mode: options.mode.map(|mode| mode.value),
        limit: options.limit.map(|limit| limit.value),
        zero_series: options.zero_series.map(|zero_series| zero_series.value),
        registry: options.registry.map(|registry| registry.value),
        labels,
        label_set: None,
        owner: None,
        is_checked: true,
    })
}
