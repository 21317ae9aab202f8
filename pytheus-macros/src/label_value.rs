//! `#[derive(LabelValue)]`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr, Path, Result, Token, Variant};

use crate::errors::{Errors, suggest};
use crate::expand::quote_mixed;
use crate::options::{Arg, default_crate, fill, read_list, read_path};

/// Derives the impl for an enum without fields.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let closed = check(input, &mut errors);
    let derived = closed.filter(|_| errors.is_empty()).map(|closed| closed.expand(&input.ident));
    let errors = errors.into_tokens();
    quote::quote!(#derived #errors)
}

/// A closed set of values.
struct ClosedSet {
    krate: TokenStream,
    /// Each variant and its text.
    values: Vec<(Ident, String)>,
}

/// The options of `#[label_value(..)]`.
#[derive(Default)]
struct Attrs {
    krate: Arg<Path>,
    rename_all: Arg<Case>,
    rename: Arg<LitStr>,
}

impl Attrs {
    /// Reads the attributes with their options.
    fn read(attrs: &[Attribute], known: &[&str], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("label_value")) {
            let parsed = attr.parse_args_with(|input: ParseStream<'_>| {
                read_list(input, errors, |input, _| read.read_one(known, input));
                Ok(())
            });
            if let Err(error) = parsed {
                errors.push(error);
            }
        }
        read
    }

    fn read_one(&mut self, known: &[&str], input: ParseStream<'_>) -> Result<()> {
        let key = input.call(<Ident as syn::ext::IdentExt>::parse_any)?;
        let text = key.to_string();
        if !known.contains(&text.as_str()) {
            let message = match text.as_str() {
                "rename" => "`rename` is for a variant, the enum has `rename_all`".to_owned(),
                "rename_all" | "crate" => format!("`{text}` is for the enum, a variant has `rename`"),
                _ => format!("no option `{text}` here: {}", suggest(&text, known)),
            };
            return Err(syn::Error::new(key.span(), message));
        }
        input.parse::<Token![=]>()?;
        match text.as_str() {
            "crate" => fill(&mut self.krate, &key, input, read_path),
            "rename_all" => fill(&mut self.rename_all, &key, input, Case::parse),
            _ => fill(&mut self.rename, &key, input, |input| read_text(input, "rename = \"GET\"")),
        }
    }
}

fn read_text(input: ParseStream<'_>, example: &str) -> Result<LitStr> {
    input.parse().map_err(|error| syn::Error::new(error.span(), format!("expected a string: `{example}`")))
}

fn check(input: &DeriveInput, errors: &mut Errors) -> Option<ClosedSet> {
    let attrs = Attrs::read(&input.attrs, &["rename_all", "crate"], errors);
    let Data::Enum(data) = &input.data else {
        errors.at(&input.ident, "`LabelValue` is derived for enums; for another type, implement `LabelValue` by hand");
        return None;
    };
    if !input.generics.params.is_empty() {
        errors.at(&input.generics, "an enum of label values has no parameters: its set of values is closed");
    }
    if data.variants.is_empty() {
        errors.at(&input.ident, "an enum without variants has no label values");
    }
    let case = attrs.rename_all.map_or(Case::Snake, |case| case.value);
    let mut values: Vec<(Ident, String)> = Vec::new();
    for variant in &data.variants {
        let text = variant_text(variant, case, errors);
        if let Some((first, _)) = values.iter().find(|(_, known)| *known == text) {
            errors.at(
                &variant.ident,
                format!(
                    "`{first}` has the value `{text}` already: give one another with `#[label_value(rename = \"..\")]`"
                ),
            );
        }
        values.push((variant.ident.clone(), text));
    }
    let krate = attrs.krate.map_or_else(default_crate, |krate| krate.value.to_token_stream());
    Some(ClosedSet { krate, values })
}

fn variant_text(variant: &Variant, case: Case, errors: &mut Errors) -> String {
    if !matches!(variant.fields, Fields::Unit) {
        errors.at(
            &variant.fields,
            "a variant with fields is not one value: leave the fields out, or implement `LabelValue` by hand",
        );
    }
    let attrs = Attrs::read(&variant.attrs, &["rename"], errors);
    attrs.rename.map_or_else(
        || case.apply(&syn::ext::IdentExt::unraw(&variant.ident).to_string()),
        |rename| rename.value.value(),
    )
}

impl ClosedSet {
    fn expand(&self, ident: &Ident) -> TokenStream {
        let krate = &self.krate;
        let texts: Vec<_> = self.values.iter().map(|(_, text)| text).collect();
        let variants: Vec<_> = self.values.iter().map(|(variant, _)| variant).collect();
        let places = 0..variants.len();
        let str = quote_mixed!(::core::primitive::str);
        quote_mixed! {
            #[automatically_derived]
            impl #krate::LabelValue for #ident {
                const VALUES: ::core::option::Option<&'static [&'static #str]> =
                    ::core::option::Option::Some(&[#(#texts),*]);

                #[inline]
                fn as_label(&self) -> #krate::__private::Cow<'_, #str> {
                    #krate::__private::Cow::Borrowed(match self {
                        #(Self::#variants => #texts,)*
                    })
                }

                #[inline]
                fn into_label(self) -> #krate::__private::Cow<'static, #str> {
                    #krate::__private::Cow::Borrowed(match self {
                        #(Self::#variants => #texts,)*
                    })
                }

                #[inline]
                fn index(&self) -> ::core::option::Option<::core::primitive::usize> {
                    ::core::option::Option::Some(match self {
                        #(Self::#variants => #places,)*
                    })
                }
            }
        }
    }
}

/// The case of a variant's value.
#[derive(Clone, Copy)]
enum Case {
    Snake,
    Lower,
    Upper,
    ScreamingSnake,
    Kebab,
    Camel,
    Pascal,
}

const CASES: [(&str, Case); 7] = [
    ("snake_case", Case::Snake),
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("camelCase", Case::Camel),
    ("PascalCase", Case::Pascal),
];

impl Parse for Case {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let given = read_text(input, "rename_all = \"snake_case\"")?;
        let text = given.value();
        let named = CASES.iter().find(|(name, _)| *name == text);
        named.map(|(_, case)| *case).ok_or_else(|| {
            let known = CASES.map(|(case, _)| case);
            syn::Error::new(given.span(), format!("no such case `{text}`: {}", suggest(&text, &known)))
        })
    }
}

impl Case {
    fn apply(self, name: &str) -> String {
        let words = words(name);
        let lower = || words.iter().map(|word| word.to_lowercase());
        match self {
            Self::Snake => lower().collect::<Vec<_>>().join("_"),
            Self::Kebab => lower().collect::<Vec<_>>().join("-"),
            Self::ScreamingSnake => words.join("_").to_uppercase(),
            Self::Lower => name.to_lowercase(),
            Self::Upper => name.to_uppercase(),
            Self::Pascal => lower().map(|word| capitalized(&word)).collect(),
            Self::Camel => {
                let capital = |(i, word): (usize, String)| if i == 0 { word } else { capitalized(&word) };
                lower().enumerate().map(capital).collect()
            }
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The words of a name: `GetAll` has two, and so has `HTTPError`.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (i, letter) in letters.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| letters.get(i));
        let after = letters.get(i + 1);
        let begins = letter.is_uppercase()
            && (before.is_some_and(|before| !before.is_uppercase())
                || (before.is_some() && after.is_some_and(|after| after.is_lowercase())));
        if begins || *letter == '_' {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| *letter != '_') {
            word.push(*letter);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
