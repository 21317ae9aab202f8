//! An attribute around another: the body that the inner one leaves is recognised, so that the two share one closure or
//! one async block. A compiler that proves a future `Send` gives up at a depth of types, to which each block would add.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::tokens::find_ident;

/// Returns whether an attribute wrote these statements, with the one ending of [`may_return`].
pub(super) fn is_instrumented(body: &TokenStream) -> bool {
    let mut tokens = body.clone().into_iter();
    let is = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident == word);
    let begins = tokens.next().is_some_and(|token| is(&token, "use"));
    let mut import = tokens.by_ref().take_while(|token| !is_punct(token, ';'));
    begins
        && import.any(|token| is(&token, "__pytheus"))
        && body.clone().into_iter().last().is_some_and(|token| is(&token, "ret"))
}

/// Whether an expression may leave the function.
pub(super) fn may_return(expr: TokenStream) -> bool {
    let returns = find_ident(expr.clone(), &|word| word == "return").is_some();
    returns || leaves(expr)
}

/// A `?`, or a macro of unknown content.
fn leaves(expr: TokenStream) -> bool {
    let tokens: Vec<_> = expr.into_iter().collect();
    let is_macro = |pair: &[TokenTree]| match pair {
        [TokenTree::Ident(name), bang] => is_punct(bang, '!') && !HARMLESS.iter().any(|known| name == known),
        _ => false,
    };
    tokens.windows(2).any(is_macro)
        || tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => leaves(group.stream()),
            token => is_punct(&token, '?'),
        })
}

/// Macros without a `return` in their expansion.
const HARMLESS: [&str; 6] = ["concat", "env", "format", "matches", "module_path", "stringify"];

/// Has the panics of an instrumented async block told to one more.
pub(super) fn observe_also(body: TokenStream, also: &TokenStream) -> TokenStream {
    let mut is_observed = false;
    let tokens = body.into_iter().map(|token| {
        let was_observed =
            std::mem::replace(&mut is_observed, matches!(&token, TokenTree::Ident(word) if word == "observe_panics"));
        let TokenTree::Group(group) = token else { return token };
        let stream = match group.delimiter() {
            Delimiter::Parenthesis if was_observed => observe_first(group.stream(), also),
            // The wrapper of another attribute around the call.
            Delimiter::Brace if is_instrumented(&group.stream()) => observe_also(group.stream(), also),
            _ => return TokenTree::Group(group),
        };
        let mut changed = Group::new(group.delimiter(), stream);
        changed.set_span(group.span());
        TokenTree::Group(changed)
    });
    tokens.collect()
}

/// Puts one more before the list in the first argument.
fn observe_first(arguments: TokenStream, also: &TokenStream) -> TokenStream {
    let mut arguments = arguments.into_iter();
    let list = arguments.next();
    let rest: TokenStream = arguments.collect();
    super::quote_mixed!((#also, #list) #rest)
}

fn is_punct(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(given) if given.as_char() == punct)
}
