//! The function under an attribute: its signature, its body as opaque tokens, and when its work is done.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{
    Attribute, Expr, FnArg, Ident, LitStr, Pat, PatType, Result, ReturnType, Signature, Token, Type, Visibility, braced,
};

use crate::args::Returned;
use crate::docs::take_help;
use crate::returned::{future_output, may_be_future};
use crate::tokens::find_ident;

/// A function.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    /// The text of the attribute's doc comment.
    pub(crate) help: Option<LitStr>,
    pub(crate) vis: Visibility,
    pub(crate) defaultness: Option<Token![default]>,
    pub(crate) sig: Signature,
    /// The inner attributes of the body, `#![..]`.
    pub(crate) inner: Vec<Attribute>,
    /// The rest of the body, in its braces.
    pub(crate) body: Group,
}

/// When the work of a function is done.
pub(crate) enum Shape {
    /// When it returns.
    Plain,
    /// When the lazy body ends.
    Async,
    /// When the body's one expression, `Box::pin(async move { .. })` by `async_trait`, is polled to its end.
    Boxed(Boxed),
    /// When the returned future ends.
    Future { boxed: bool },
}

/// The parts of `Box::pin(async move { .. })`.
pub(crate) struct Boxed {
    pub(crate) pin: TokenStream,
    pub(crate) call: Group,
    pub(crate) head: TokenStream,
    pub(crate) block: Group,
}

impl Function {
    /// Reads the item under the attribute `name` at `place`.
    pub(crate) fn read(name: &str, place: Option<Span>, item: TokenStream) -> Result<Self> {
        (|input: ParseStream<'_>| Self::parse(name, place, input)).parse2(item)
    }

    fn parse(name: &str, place: Option<Span>, input: ParseStream<'_>) -> Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let help = take_help(&mut attrs, place);
        let vis = input.parse()?;
        let defaultness = if input.peek2(Token![=]) { None } else { input.parse()? };
        let place = input.span();
        let Ok(sig) = input.parse::<Signature>() else {
            crate::options::skip_all(input);
            return Err(syn::Error::new(
                place,
                format!(
                    "`#[{name}]` goes on a function or an `impl` block; to declare a metric of its own, use `metric!`"
                ),
            ));
        };
        if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            let message = format!("this function has no body: put `#[{name}]` where it is implemented");
            return Err(syn::Error::new_spanned(sig.fn_token, message));
        }
        let inside;
        let brace = braced!(inside in input);
        let inner = inside.call(Attribute::parse_inner)?;
        let mut body = Group::new(Delimiter::Brace, inside.parse()?);
        body.set_span(brace.span.join());
        Ok(Self { attrs, help, vis, defaultness, sig, inner, body })
    }

    /// When its work is done.
    pub(crate) fn shape(&self, returned: Option<Returned>) -> Shape {
        if self.sig.asyncness.is_some() {
            return Shape::Async;
        }
        let boxed = match (returned, self.future()) {
            (Some(Returned::Untracked), _) | (None, None) => return Shape::Plain,
            (Some(Returned::Boxed), None) => return Shape::Future { boxed: true },
            (_, Some((_, boxed))) => boxed,
        };
        match Boxed::read(&self.body) {
            Some(parts) if boxed => Shape::Boxed(parts),
            _ => Shape::Future { boxed },
        }
    }

    /// Returns the type of its result: the returned value, or the output of the returned future.
    pub(crate) fn output(&self) -> Option<Type> {
        match (self.future(), &self.sig.output) {
            (Some((output, _)), _) if self.sig.asyncness.is_none() => Some(output),
            (_, ReturnType::Type(_, ty)) => Some((**ty).clone()),
            (_, ReturnType::Default) => None,
        }
    }

    /// Its return type, if it may be a future under another name.
    pub(crate) fn may_return_future(&self) -> Option<Type> {
        match &self.sig.output {
            ReturnType::Type(_, ty) if may_be_future(ty) => Some((**ty).clone()),
            _ => None,
        }
    }

    /// Finds an argument in this expression that the body has surely moved away at its end.
    pub(crate) fn taken(&self, expr: &Expr) -> Option<Ident> {
        let tokens = expr.to_token_stream();
        // The expression may bind such a name itself.
        if tokens.to_string().contains(['|', '{', '!']) {
            return None;
        }
        let owned = self.sig.inputs.iter().filter_map(|argument| match argument {
            FnArg::Typed(PatType { pat, ty, .. }) => match &**pat {
                Pat::Ident(name) if is_owned(ty) => Some(&name.ident),
                _ => None,
            },
            FnArg::Receiver(_) => None,
        });
        let body = |name: &&Ident| find_ident(self.body.stream(), &|word| word == *name).is_some();
        owned.filter(body).find_map(|name| find_ident(tokens.clone(), &|word| word == name))
    }

    /// Returns the output of the returned future, and whether it is boxed.
    pub(crate) fn future(&self) -> Option<(Type, bool)> {
        match &self.sig.output {
            ReturnType::Type(_, ty) => future_output(ty),
            ReturnType::Default => None,
        }
    }
}

impl Boxed {
    fn read(body: &Group) -> Option<Self> {
        let mut tokens: Vec<_> = body.stream().into_iter().collect();
        let call = match tokens.pop()? {
            TokenTree::Group(call) if call.delimiter() == Delimiter::Parenthesis => call,
            _ => return None,
        };
        let words: Vec<_> = tokens.iter().map(ToString::to_string).collect();
        let path = words.iter().all(|word| word == ":" || syn::parse_str::<Ident>(word).is_ok());
        if !path || !words.ends_with(&["Box".into(), ":".into(), ":".into(), "pin".into()]) {
            return None;
        }
        let future = |input: ParseStream<'_>| {
            let asyncness: Token![async] = input.parse()?;
            let capture: Option<Token![move]> = input.parse()?;
            let block: Group = input.parse()?;
            input.parse::<Option<Token![,]>>()?;
            Ok((quote::quote!(#asyncness #capture), block))
        };
        let (head, block) = future.parse2(call.stream()).ok()?;
        let pin = tokens.into_iter().collect();
        (block.delimiter() == Delimiter::Brace).then_some(Self { pin, call, head, block })
    }
}

/// Returns whether a closure with such a use of the value surely takes it.
fn is_owned(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => reference.mutability.is_some(),
        Type::Path(path) => {
            let owned = ["String", "Vec", "Box", "Arc", "Rc", "HashMap", "BTreeMap", "PathBuf"];
            path.path.segments.last().is_some_and(|last| owned.iter().any(|name| last.ident == name))
        }
        _ => false,
    }
}
