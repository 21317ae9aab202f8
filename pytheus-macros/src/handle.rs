//! An existing metric with labels of a call's end: `METRIC.label(value).outcome(outcome).size(ret.len())`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprMethodCall, Ident};

use crate::errors::Errors;
use crate::expand::model::{HandleArg, HandleCall, LateHandle};
use crate::function::Function;
use crate::tokens::find_ident;

/// Splits the methods of the labels from the metric; `None` when the expression needs nothing of the call's end, or after
/// a mistake.
pub(crate) fn read(handle: &Expr, function: &Function, errors: &mut Errors) -> Option<LateHandle> {
    let inputs = function.sig.inputs.to_token_stream();
    // An argument of this name comes first, as anywhere in the function.
    let late = |word: &'static str| {
        let is_argument = find_ident(inputs.clone(), &|name| name == word).is_some();
        move |expr: &Expr| {
            let tokens = expr.to_token_stream();
            if is_argument { None } else { find_ident(tokens, &|name| name == word) }
        }
    };
    let (outcome_in, ret_in) = (late("outcome"), late("ret"));
    let (outcome, ret) = (outcome_in(handle), ret_in(handle));
    let first = outcome.clone().or_else(|| ret.clone())?;
    let mut calls = Vec::new();
    let mut base = handle;
    while let Expr::MethodCall(ExprMethodCall { receiver, method, turbofish, args, .. }) = base {
        let args = args.iter().map(|arg| {
            if ret_in(arg).is_some() {
                HandleArg::Ret(arg.clone())
            } else if outcome_in(arg).is_some() || matches!(arg, Expr::Lit(_)) {
                HandleArg::InPlace(arg.clone())
            } else {
                HandleArg::Early(arg.clone())
            }
        });
        calls.push(HandleCall { method: method.clone(), turbofish: turbofish.clone(), args: args.collect() });
        base = receiver;
    }
    calls.reverse();
    if outcome_in(base).is_some() || ret_in(base).is_some() {
        let message = format!("`{first}` is the value of a label: `METRIC.label({first})`");
        errors.at(&first, message);
        return None;
    }
    for call in &calls {
        let uses_ret = call.args.iter().any(|arg| matches!(arg, HandleArg::Ret(_)));
        let by_name = ["label", "labels", "partial"].iter().any(|name| call.method == name);
        if uses_ret && (by_name || call.args.len() != 1) {
            errors.at(&call.method, "give a label of the returned value by its own method: `METRIC.label(ret.len())`");
            return None;
        }
    }
    let outcome = outcome.unwrap_or_else(|| Ident::new("outcome", Span::mixed_site()));
    Some(LateHandle { base: base.clone(), calls, outcome, ret, handle: handle.clone() })
}
