//! What is written into the user's crate. Nothing here can fail: everything was checked before.

pub(crate) mod declaration;
pub(crate) mod descriptor;
pub(crate) mod function;
mod steps;

/// `quote!` for tokens that neither capture nor shadow the user's names.
macro_rules! quote_mixed {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}

pub(crate) use quote_mixed;

/// The attributes that decide whether an item exists: they belong on everything that is written for it.
pub(crate) fn cfgs(attrs: &[syn::Attribute]) -> impl Iterator<Item = &syn::Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
}
