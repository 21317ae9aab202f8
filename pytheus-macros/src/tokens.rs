//! Tokens: writing them into the user's crate, and searching the user's.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};

/// `quote!` with hygiene: its tokens neither capture nor shadow the user's names.
macro_rules! quote_mixed {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}

pub(crate) use quote_mixed;

/// Finds the first use of `ret`, the returned value, in an expression.
pub(crate) fn find_ret(tokens: TokenStream) -> Option<Ident> {
    find_ident(tokens, &|word| word == "ret")
}

/// Finds the first wanted identifier; after a `.` or a `::` there is a member, not a name in scope.
pub(crate) fn find_ident(tokens: TokenStream, is_wanted: &dyn Fn(&Ident) -> bool) -> Option<Ident> {
    let (mut dots, mut colons) = (0, 0);
    tokens.into_iter().find_map(|token| {
        let is_member = dots == 1 || colons == 2;
        let is = |wanted| matches!(&token, TokenTree::Punct(punct) if punct.as_char() == wanted);
        dots = if is('.') { dots + 1 } else { 0 };
        colons = if is(':') { colons + 1 } else { 0 };
        match token {
            TokenTree::Ident(ident) if !is_member && is_wanted(&ident) => Some(ident),
            TokenTree::Group(group) => find_ident(group.stream(), is_wanted),
            _ => None,
        }
    })
}

/// Puts these tokens in place of an identifier, where it is a name in scope.
pub(crate) fn replace_ident(tokens: TokenStream, name: &str, with: &TokenStream) -> TokenStream {
    let mut is_member = false;
    let tokens = tokens.into_iter().map(|token| {
        let was_member = std::mem::replace(
            &mut is_member,
            matches!(&token, TokenTree::Punct(punct) if matches!(punct.as_char(), '.' | ':')),
        );
        match token {
            TokenTree::Ident(ident) if !was_member && ident == name => with.clone(),
            TokenTree::Group(group) => {
                let mut changed = Group::new(group.delimiter(), replace_ident(group.stream(), name, with));
                changed.set_span(group.span());
                TokenTree::Group(changed).into()
            }
            token => token.into(),
        }
    });
    tokens.collect()
}
