//! The return type: a future or not, its output, and the parts without a name.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{GenericArgument, PathArguments, Token, Type, TypeInfer, TypeParamBound, TypePath};

use crate::tokens::find_ident;

/// Returns the output of a future of this type, and whether it is boxed; `None` without a recognisable future.
pub(crate) fn future_output(ty: &Type) -> Option<(Type, bool)> {
    match ty {
        Type::ImplTrait(opaque) => Some((bounds_output(&opaque.bounds)?, false)),
        Type::Paren(inner) => future_output(&inner.elem),
        Type::Group(inner) => future_output(&inner.elem),
        Type::Path(path) => boxed_output(path).map(|output| (output, true)),
        _ => None,
    }
}

/// `Pin<Box<dyn Future<Output = T>>>` and `BoxFuture<'_, T>`.
fn boxed_output(path: &TypePath) -> Option<Type> {
    let last = path.path.segments.last()?;
    let argument = last_type(&last.arguments)?;
    match last.ident.to_string().as_str() {
        "BoxFuture" | "LocalBoxFuture" => Some(argument.clone()),
        "Pin" => match argument {
            Type::Path(pointer) => {
                let pointer = pointer.path.segments.last().filter(|pointer| pointer.ident == "Box")?;
                match last_type(&pointer.arguments)? {
                    Type::TraitObject(object) => bounds_output(&object.bounds),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}

fn last_type(arguments: &PathArguments) -> Option<&Type> {
    match arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().rev().find_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }),
        _ => None,
    }
}

fn bounds_output(bounds: &Punctuated<TypeParamBound, Token![+]>) -> Option<Type> {
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => Some(output.ty.clone()),
            _ => None,
        })
    })
}

/// The `impl Future` inside a type.
pub(crate) fn opaque_future(ty: &Type) -> Option<&Type> {
    match ty {
        Type::ImplTrait(opaque) => opaque
            .bounds
            .iter()
            .any(|bound| {
                let TypeParamBound::Trait(bound) = bound else { return false };
                bound.path.segments.last().is_some_and(|last| last.ident == "Future")
            })
            .then_some(ty),
        Type::Array(array) => opaque_future(&array.elem),
        Type::Group(group) => opaque_future(&group.elem),
        Type::Paren(paren) => opaque_future(&paren.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(opaque_future),
        Type::Path(path) => path.path.segments.iter().find_map(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => opaque_future(ty),
                _ => None,
            }),
            _ => None,
        }),
        _ => None,
    }
}

/// Returns whether the type may be a future under another name: any path outside the well-known types.
pub(crate) fn may_be_future(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => may_be_future(&group.elem),
        Type::Paren(paren) => may_be_future(&paren.elem),
        Type::Path(path) => {
            let plain = |name: &syn::Ident| KNOWN.contains(&name.to_string().as_str());
            let known = path.qself.is_none() && path.path.segments.last().is_some_and(|last| plain(&last.ident));
            !known && find_ident(ty.to_token_stream(), &|word| word == "impl").is_none()
        }
        _ => false,
    }
}

/// Types other than futures.
const KNOWN: [&str; 24] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
    "usize", "String", "Option", "Result", "Vec", "HashMap", "BTreeMap", "Duration", "Instant",
];

/// The type with `_` in place of each `impl Trait`, which a closure's signature can't name, and with `'_` in place of
/// each lifetime: a lint asks for the lifetimes that a body uses.
pub(crate) fn without_opaque(ty: &Type) -> TokenStream {
    let mut ty = ty.clone();
    hide_opaque(&mut ty);
    let tokens = ty.into_token_stream();
    let binds = find_ident(tokens.clone(), &|word| word == "for").is_some();
    if binds { tokens } else { hide_lifetimes(tokens) }
}

fn hide_lifetimes(tokens: TokenStream) -> TokenStream {
    let mut is_lifetime = false;
    let tokens = tokens.into_iter().map(|token| {
        let was_quote = std::mem::take(&mut is_lifetime);
        match token {
            TokenTree::Punct(quote) if quote.as_char() == '\'' => {
                is_lifetime = true;
                TokenTree::Punct(quote)
            }
            TokenTree::Ident(name) if was_quote && name != "static" => TokenTree::Ident(Ident::new("_", name.span())),
            TokenTree::Group(group) => {
                let mut hidden = Group::new(group.delimiter(), hide_lifetimes(group.stream()));
                hidden.set_span(group.span());
                TokenTree::Group(hidden)
            }
            token => token,
        }
    });
    tokens.collect()
}

fn hide_opaque(ty: &mut Type) {
    match ty {
        Type::ImplTrait(_) => {
            *ty = Type::Infer(TypeInfer { underscore_token: <syn::Token![_]>::default(), attrs: Vec::new() });
        }
        Type::Array(array) => hide_opaque(&mut array.elem),
        Type::Group(group) => hide_opaque(&mut group.elem),
        Type::Paren(paren) => hide_opaque(&mut paren.elem),
        Type::Reference(reference) => hide_opaque(&mut reference.elem),
        Type::Slice(slice) => hide_opaque(&mut slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(hide_opaque),
        Type::Path(path) => {
            for segment in &mut path.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                    for argument in &mut arguments.args {
                        match argument {
                            GenericArgument::Type(ty) => hide_opaque(ty),
                            GenericArgument::AssocType(assoc) => hide_opaque(&mut assoc.ty),
                            _ => {}
                        }
                    }
                }
            }
        }
        _ => {}
    }
}
