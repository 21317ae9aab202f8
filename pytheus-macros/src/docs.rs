//! The doc comment of an attribute, where several attributes stand on one function.
//!
//! The compiler hands the attributes of the function over in their order, without the one that is expanded: its place
//! among them is known from the source alone. An attribute leaves a mark there for those after it.

use proc_macro2::Span;
use syn::{Attribute, Expr, LitStr, parse_quote};

use crate::options::doc_text;

/// The mark: in the documentation of the function, it ends a paragraph.
const MARK: &str = "\n\n";

/// The first paragraph of the comment that describes the attribute at this place, which leaves its mark there.
///
/// That is the comment above it, from the attribute of this crate before it on; without one, the nearest above that;
/// without any, the comment below.
pub(crate) fn take_help(attrs: &mut Vec<Attribute>, place: Option<Span>) -> Option<LitStr> {
    let at = place.and_then(|place| attrs.iter().position(|attr| is_after(attr.pound_token.span, place)));
    let at = at.unwrap_or(attrs.len());
    let (above, below) = attrs.split_at(at);
    let help = above.rsplit(is_mark).find_map(doc_text).or_else(|| {
        let is_doc = |attr: &&Attribute| attr.path().is_ident("doc");
        let docs: Vec<_> = below.iter().skip_while(|attr| !is_doc(attr)).take_while(is_doc).cloned().collect();
        doc_text(&docs)
    });
    if !below.is_empty() && doc_text(above).is_some() {
        attrs.insert(at, parse_quote!(#[doc = #MARK]));
    }
    help
}

fn is_mark(attr: &Attribute) -> bool {
    let syn::Meta::NameValue(pair) = &attr.meta else { return false };
    matches!(&pair.value, Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if text.value() == MARK)
}

/// Whether the source of one stands after that of the other; where a macro brought one of them, the source can't say.
fn is_after(attr: Span, place: Span) -> bool {
    let source = |span: Span| {
        // The debug text of a span begins with its expansion, which nothing else tells. Should that text change, no span
        // stands after another: all comments count as above.
        let expansion = format!("{span:?}").split(" bytes").next().map(str::to_owned);
        let span = span.unwrap();
        ((expansion, span.file()), (span.line(), span.column()))
    };
    let ((attr, attr_at), (place, place_at)) = (source(attr), source(place));
    attr == place && attr_at > place_at
}
