//! What is written when something is wrong: the user's function as it was, and the errors.

use proc_macro2::TokenStream;

use crate::errors::Errors;

/// The item unchanged, so that its uses are no further mistakes, and a `compile_error!` for each mistake.
pub(crate) fn unchanged(item: &TokenStream, errors: &Errors) -> TokenStream {
    let errors = errors.to_tokens();
    // What only the attribute would have used is no further mistake.
    quote::quote!(#[allow(unused_variables)] #item #errors)
}
