//! The macros of `pytheus`.

use proc_macro::TokenStream;

/// Counts calls.
#[proc_macro_attribute]
pub fn counter(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Tracks calls.
#[proc_macro_attribute]
pub fn gauge(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Times calls.
#[proc_macro_attribute]
pub fn histogram(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Times calls.
#[proc_macro_attribute]
pub fn summary(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Declares metrics.
#[proc_macro]
pub fn metric(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Derives a closed set of label values.
#[proc_macro_derive(LabelValue, attributes(label_value))]
pub fn label_value(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
