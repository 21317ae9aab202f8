//! What a return type tells: whether it is a future, of what, and which parts of it can't be named.

use syn::punctuated::Punctuated;
use syn::{GenericArgument, PathArguments, Token, Type, TypeInfer, TypeParamBound, TypePath};

/// What a future of this type ends with, and whether it is boxed; `None` when it is no future that can be recognised.
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

/// The type with `_` in place of each `impl Trait`, which a closure's signature can't name.
pub(crate) fn without_opaque(ty: &Type) -> Type {
    let mut ty = ty.clone();
    hide_opaque(&mut ty);
    ty
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
