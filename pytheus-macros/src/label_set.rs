//! `#[derive(LabelSet)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Data, DeriveInput, Fields, GenericParam, Ident, LitStr, Path, Result, Token, Type};

use crate::errors::{Errors, suggest};
use crate::expand::label_set::without_lifetimes;
use crate::expand::{nest, quote_mixed};
use crate::options::{Arg, default_crate, fill, read_list, read_path};

/// Derives the impl for a struct with named fields.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let set = check(input, &mut errors);
    let derived = set.filter(|_| errors.is_empty()).map(|set| set.expand(input));
    let errors = errors.into_tokens();
    quote::quote!(#derived #errors)
}

/// A struct of labels.
struct Set {
    krate: TokenStream,
    /// Sorted by the text.
    labels: Vec<Label>,
}

struct Label {
    field: Ident,
    ty: Type,
    /// The name in Prometheus.
    text: String,
    /// The place of the name, for mistakes in it.
    span: Span,
}

/// Reads an option of `#[label_set(crate = ..)]` or `#[label(name = "..")]`.
fn read<T>(
    attrs: &[Attribute],
    [attr_name, option]: [&str; 2],
    errors: &mut Errors,
    mut value: impl FnMut(ParseStream<'_>) -> Result<T>,
) -> Arg<T> {
    let mut found = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(attr_name)) {
        let parsed = attr.parse_args_with(|input: ParseStream<'_>| {
            read_list(input, errors, |input, _| {
                let key = input.call(Ident::parse_any)?;
                if key != option {
                    let message = format!("no option `{key}` here: {}", suggest(&key.to_string(), &[option]));
                    return Err(syn::Error::new(key.span(), message));
                }
                input.parse::<Token![=]>()?;
                fill(&mut found, &key, input, &mut value)
            });
            Ok(())
        });
        errors.keep(parsed);
    }
    found
}

fn check(input: &DeriveInput, errors: &mut Errors) -> Option<Set> {
    let krate: Arg<Path> = read(&input.attrs, ["label_set", "crate"], errors, read_path);
    let Data::Struct(data) = &input.data else {
        errors.at(&input.ident, "`LabelSet` is derived for structs; for an enum of values, derive `LabelValue`");
        return None;
    };
    let Fields::Named(fields) = &data.fields else {
        errors.at(&input.ident, "the fields of a label set need names: those of the labels");
        return None;
    };
    for param in input.generics.params.iter().filter(|param| !matches!(param, GenericParam::Lifetime(_))) {
        errors.at(param, "a label set has lifetimes at most: the types of its labels are known where it is declared");
    }
    let mut labels: Vec<Label> = Vec::new();
    for field in &fields.named {
        let Some(ident) = &field.ident else { continue };
        let name: Arg<LitStr> = read(&field.attrs, ["label", "name"], errors, |input| {
            input.parse().map_err(|error| syn::Error::new(error.span(), "expected a string: `name = \"route\"`"))
        });
        let (text, span) = name
            .map_or_else(|| (ident.unraw().to_string(), ident.span()), |name| (name.value.value(), name.value.span()));
        if let Some(first) = labels.iter().find(|known| known.text == text) {
            errors.at_span(span, format!("`{}` is the label `{text}` already", first.field));
        }
        labels.push(Label { field: ident.clone(), ty: field.ty.clone(), text, span });
    }
    if labels.is_empty() {
        errors.at(&input.ident, "a label set without fields has no labels");
    }
    labels.sort_by(|one, other| one.text.cmp(&other.text));
    Some(Set { krate: krate.map_or_else(default_crate, |krate| krate.value.to_token_stream()), labels })
}

impl Set {
    fn expand(&self, input: &DeriveInput) -> TokenStream {
        let Self { krate, labels } = self;
        let ident = &input.ident;
        let (generics, arguments, bounds) = input.generics.split_for_impl();
        let checks = labels.iter().map(|label| {
            let text = &label.text;
            quote_spanned!(label.span=> const _: () = __pytheus::check(__pytheus::name::label_name(#text));)
        });
        let facts = labels.iter().map(|label| {
            let (text, ty) = (&label.text, without_lifetimes(label.ty.to_token_stream()));
            quote_mixed!((#text, __pytheus::typed::<#ty>().values))
        });
        let closed = |label: &Label| {
            let ty = without_lifetimes(label.ty.to_token_stream());
            quote_mixed!({ __pytheus::typed::<#ty>().is_closed() })
        };
        let start_types = nest(labels.iter().map(|_| quote_mixed!(__pytheus::Unset<__NoLabels>)));
        let start = nest(labels.iter().map(|_| quote_mixed!(__pytheus::Unset::new())));
        let list_types = nest(labels.iter().map(|label| {
            let (closed, ty) = (closed(label), &label.ty);
            quote_mixed!(<__pytheus::StoreAs<#closed> as __pytheus::Lend>::Lent<'__list, #ty>)
        }));
        let list = nest(labels.iter().map(|label| {
            let (closed, field) = (closed(label), &label.field);
            quote_mixed!(<__pytheus::StoreAs<#closed> as __pytheus::Lend>::lend(&self.#field))
        }));
        let message = format!("the labels of `{ident}` have no values yet");
        let note = format!("`METRIC.with(&{} {{ .. }})` gives them", ident.unraw());
        quote_mixed! {
            #[allow(unreachable_pub, missing_debug_implementations, missing_docs)]
            const _: () = {
                use #krate::__private as __pytheus;

                #(#checks)*

                pub struct __NoLabels<T = __pytheus::NoValue>(T);

                #[diagnostic::on_unimplemented(message = #message, label = "give them values first", note = #note)]
                pub trait __HasLabels {}

                #[diagnostic::do_not_recommend]
                impl __HasLabels for ::core::convert::Infallible {}

                impl<T: __HasLabels> __pytheus::NotMissing for __NoLabels<T> {}

                #[automatically_derived]
                impl #generics __pytheus::LabelSet for #ident #arguments #bounds {
                    const LABELS: __pytheus::SetLabels = &[#(#facts),*];

                    type Start = #start_types;

                    const START: Self::Start = #start;

                    type List<'__list>
                        = #list_types
                    where
                        Self: '__list;

                    #[inline]
                    fn list(&self) -> Self::List<'_> {
                        #list
                    }
                }
            };
        }
    }
}
