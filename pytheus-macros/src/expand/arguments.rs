//! The way of the arguments into a closure or an async block, out of which they are dropped like those of the plain
//! function: after its locals, in reverse order, and of each pattern the bound parts before the rest.
//!
//! A closure drops what it captured in the order of first use, and never captures an unused argument. Inside, each
//! argument is therefore bound again, in the order of the signature, which is how the compiler lowers an `async fn`
//! ([rust-lang/rust#60437](https://github.com/rust-lang/rust/pull/60437)).

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::{Attribute, FnArg, Ident, Pat, PatIdent, PatType, Receiver, ReceiverKind, Signature, Type};

use super::quote_mixed;
use crate::tokens::find_ident;

/// The arguments of a function with its body in a closure or an async block.
pub(super) struct Arguments {
    /// The signature, with a name in place of each pattern.
    pub(super) sig: Signature,
    /// The statements at the beginning of the closure or block.
    pub(super) inside: TokenStream,
}

impl Arguments {
    /// The arguments of a function with this body, where `early` is evaluated before the body, and `late` after it.
    pub(super) fn new(sig: &Signature, body: &TokenStream, early: &TokenStream, late: &TokenStream) -> Self {
        let mut sig = sig.clone();
        let mut inside = TokenStream::new();
        for (place, argument) in sig.inputs.iter_mut().enumerate() {
            inside.extend(match argument {
                FnArg::Receiver(receiver) => capture(receiver, body),
                FnArg::Typed(argument) if drops_nothing(&argument.ty) => None,
                FnArg::Typed(argument) => bind(place, argument, early, late),
            });
        }
        Self { sig, inside }
    }
}

/// Has the whole of `self` captured, not only the used fields. An unused one is dropped last anyway.
fn capture(receiver: &Receiver, body: &TokenStream) -> Option<TokenStream> {
    let by_value = match &receiver.kind {
        ReceiverKind::Reference(..) => false,
        ReceiverKind::Typed(_, ty) => !drops_nothing(ty),
        _ => true,
    };
    let this = receiver.self_token;
    (by_value && mentions(body, &this.into())).then(|| quote_mixed!(let _ = &#this;))
}

/// Binds one argument again. In the signature it gets a name if it has none.
fn bind(place: usize, argument: &mut PatType, early: &TokenStream, late: &TokenStream) -> Option<TokenStream> {
    let is = |attr: &Attribute, words: &[&str]| words.iter().any(|word| attr.path().is_ident(word));
    let attrs: Vec<_> = argument.attrs.iter().filter(|attr| is(attr, &LEVELS) || is(attr, &["cfg"])).cloned().collect();
    let mut bindings = Vec::new();
    collect_bindings(&argument.pat, &mut bindings);
    // The returned value's labels see it where it is.
    if bindings.iter().any(|binding| mentions(late, &binding.ident)) {
        return None;
    }
    let is_seen = bindings.iter().any(|binding| mentions(early, &binding.ident));
    let pattern = argument.pat.clone();
    let bound = match &mut *argument.pat {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, mutability, ident, .. }) => {
            match mutability.as_ref() {
                Some(_) if is_seen => argument.attrs.push(syn::parse_quote!(#[allow(unused_mut)])),
                _ => *mutability = None,
            }
            let quiet = quiet(ident, is_seen);
            quote_mixed!(#(#attrs)* #quiet let #pattern = #ident;)
        }
        // The names are in scope, and what they leave of the argument stays outside.
        _ if is_seen => {
            if bindings.iter().any(|binding| binding.mutability.is_some()) {
                argument.attrs.push(syn::parse_quote!(#[allow(unused_mut)]));
            }
            let again = bindings.iter().map(|PatIdent { mutability, ident, .. }| {
                let quiet = quiet(ident, mentions(early, ident));
                quote_mixed!(#quiet let #mutability #ident = #ident;)
            });
            again.collect()
        }
        pat => {
            let name = format_ident!("arg{place}", span = Span::mixed_site());
            *pat = syn::parse_quote!(#name);
            quote_mixed!(#(#attrs)* let #name = #name; #(#attrs)* let #pattern = #name;)
        }
    };
    // An expectation is fulfilled once: by the body's binding.
    argument.attrs.retain(|attr| !is(attr, &["expect"]));
    Some(bound)
}

/// Keeps lints quiet that look at bindings, which these are by name only. One that a label has used need not be used
/// again by the body.
fn quiet(name: &Ident, is_used: bool) -> TokenStream {
    let unused = name.to_string().starts_with('_');
    let unused = unused.then(|| quote_mixed!(clippy::used_underscore_binding, clippy::no_effect_underscore_binding,));
    let used = is_used.then(|| quote_mixed!(unused_variables,));
    quote_mixed!(#[allow(#unused #used clippy::shadow_same)])
}

/// Attributes for the level of a lint.
const LEVELS: [&str; 5] = ["allow", "expect", "warn", "deny", "forbid"];

/// Whether an expression uses a name, be it in a format string.
fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    find_ident(tokens.clone(), &|word| word == name).is_some() || in_text(tokens.clone(), &name.to_string())
}

fn in_text(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Literal(literal) => literal.to_string().contains(&format!("{{{name}")),
        TokenTree::Group(group) => in_text(group.stream(), name),
        _ => false,
    })
}

/// The variables of a pattern.
fn collect_bindings(pattern: &Pat, bindings: &mut Vec<PatIdent>) {
    match pattern {
        Pat::Ident(bound) => {
            // A capital one is a constant.
            if !bound.ident.to_string().starts_with(char::is_uppercase) {
                bindings.push(bound.clone());
            }
            if let Some((_, inner)) = &bound.subpat {
                collect_bindings(inner, bindings);
            }
        }
        Pat::Paren(inner) => collect_bindings(&inner.pat, bindings),
        Pat::Reference(inner) => collect_bindings(&inner.pat, bindings),
        Pat::Type(inner) => collect_bindings(&inner.pat, bindings),
        // Each alternative binds the same names.
        Pat::Or(any) => any.cases.iter().take(1).for_each(|pattern| collect_bindings(pattern, bindings)),
        Pat::Slice(parts) => parts.elems.iter().for_each(|pattern| collect_bindings(pattern, bindings)),
        Pat::Tuple(parts) => parts.elems.iter().for_each(|pattern| collect_bindings(pattern, bindings)),
        Pat::TupleStruct(parts) => parts.elems.iter().for_each(|pattern| collect_bindings(pattern, bindings)),
        Pat::Struct(parts) => parts.fields.iter().for_each(|field| collect_bindings(&field.pat, bindings)),
        _ => {}
    }
}

/// Whether values of this type are sure to do nothing when they are dropped.
fn drops_nothing(ty: &Type) -> bool {
    match ty {
        Type::Reference(_) | Type::Ptr(_) | Type::FnPtr(_) | Type::Never(_) => true,
        Type::Array(array) => drops_nothing(&array.elem),
        Type::Group(group) => drops_nothing(&group.elem),
        Type::Paren(paren) => drops_nothing(&paren.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(drops_nothing),
        Type::Path(path) => {
            path.path.get_ident().is_some_and(|name| PLAIN.contains(&name.to_token_stream().to_string().as_str()))
        }
        _ => false,
    }
}

/// Types without a destructor.
const PLAIN: [&str; 16] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize",
];
