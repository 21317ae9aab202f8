//! Values of labels that are kept, in a handle or until a call ends: small, and owned.

use std::borrow::Cow;

use super::given::{LabelState, Set, State};
use crate::model::labels::{LabelBuffer, LabelSpec, LabelValue, Typed};

/// A value of a label with a closed set, known by its place there.
#[derive(Debug, Clone)]
pub struct Closed(Member);

#[derive(Debug, Clone)]
enum Member {
    Listed {
        values: &'static [&'static str],
        place: usize,
    },
    /// What a `LabelValue` that was written by hand gives beside its set.
    Other(Text),
}

impl Closed {
    /// The value at this place of the set.
    #[inline]
    pub const fn at(values: &'static [&'static str], place: usize) -> Self {
        Self(Member::Listed { values, place })
    }

    #[inline]
    fn new<V>(typed: &Typed<V>, value: &V) -> Self {
        let values = typed.values.unwrap_or_default();
        match (typed.place)(value) {
            Some(place) if place < values.len() => Self(Member::Listed { values, place }),
            _ => Self::find(values, Text::of_type(typed, value)),
        }
    }

    #[cold]
    fn find(values: &'static [&'static str], text: Text) -> Self {
        match values.iter().position(|value| *value == text.as_str()) {
            Some(place) => Self(Member::Listed { values, place }),
            None => Self(Member::Other(text)),
        }
    }

    #[inline]
    fn as_str(&self) -> &str {
        match &self.0 {
            Member::Listed { values, place } => values.get(*place).copied().unwrap_or_default(),
            Member::Other(text) => text.as_str(),
        }
    }
}

impl State for Closed {
    fn given(&self) -> Option<String> {
        Some(self.as_str().to_owned())
    }
}

#[diagnostic::do_not_recommend]
impl LabelState for Closed {
    const CLOSED: bool = true;

    #[inline]
    fn text<'a>(&'a self, _: &'a LabelSpec, _: &'a mut LabelBuffer) -> &'a str {
        self.as_str()
    }

    #[inline]
    fn place(&self, _: &LabelSpec) -> Option<(usize, usize)> {
        match &self.0 {
            Member::Listed { values, place } => Some((*place, values.len())),
            Member::Other(_) => None,
        }
    }
}

/// The most bytes that are kept without an allocation.
const SHORT: usize = 46;

/// A text, kept in its place if it is short.
#[derive(Debug, Clone)]
pub struct Text(Form);

#[derive(Debug, Clone)]
enum Form {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Cow<'static, str>),
}

impl Text {
    /// No text.
    pub const EMPTY: Self = Self(Form::Long(Cow::Borrowed("")));

    /// The text of a value.
    #[inline]
    pub fn of<V: LabelValue + ?Sized>(value: &V) -> Self {
        let mut buffer = LabelBuffer::default();
        Self::copy(value.label_in(&mut buffer))
    }

    /// The text of a value of this type.
    #[inline]
    pub fn of_type<V>(typed: &Typed<V>, value: &V) -> Self {
        Self::copy((typed.label_in)(value, &mut LabelBuffer::default()))
    }

    #[inline]
    fn copy(text: &str) -> Self {
        Self::short(text).unwrap_or_else(|| Self(Form::Long(Cow::Owned(text.to_owned()))))
    }

    #[inline]
    fn short(text: &str) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(Form::Short { len: u8::try_from(text.len()).ok()?, bytes }))
    }

    #[inline]
    fn as_str(&self) -> &str {
        match &self.0 {
            Form::Short { len, bytes } => str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or_default(),
            Form::Long(text) => text,
        }
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for Text {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }

    #[inline]
    fn label_in<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        self.as_str()
    }
}

/// The value of a label of an existing metric, to be kept until the call ends. Borrowed text is copied, so that the body
/// may take the argument; any other value is kept as it is, for a label of its type.
#[derive(Debug)]
pub struct OwnedLabel<T>(pub T);

impl<T: LabelValue + ?Sized> OwnedLabel<&T> {
    /// Copies the text.
    #[inline]
    pub fn own(self) -> Text {
        Text::of(self.0)
    }
}

impl<T: LabelValue + ?Sized> OwnedLabel<Option<&T>> {
    /// Copies the text.
    #[inline]
    pub fn own(self) -> Text {
        Text::of(&self.0)
    }
}

impl OwnedLabel<Cow<'_, str>> {
    /// Copies the text.
    #[inline]
    pub fn own(self) -> Text {
        Text::of(&self.0)
    }
}

/// Keeps the values that [`OwnedLabel`] has no method of its own for.
pub trait KeepValue {
    /// The value.
    type Value;

    /// Keeps it.
    fn own(self) -> Self::Value;
}

impl<T> KeepValue for OwnedLabel<T> {
    type Value = T;

    #[inline]
    fn own(self) -> T {
        self.0
    }
}

/// How the value of a typed label is kept: as a place where the set is closed, else as text.
#[derive(Debug)]
pub struct Keep<const CLOSED: bool>;

/// See [`Keep`].
pub trait Keeps {
    /// What is kept.
    type Kept: LabelState + Clone;

    /// Keeps a value.
    fn keep<V>(typed: &Typed<V>, value: &V) -> Self::Kept;
}

impl Keeps for Keep<true> {
    type Kept = Closed;

    #[inline]
    fn keep<V>(typed: &Typed<V>, value: &V) -> Closed {
        Closed::new(typed, value)
    }
}

impl Keeps for Keep<false> {
    type Kept = Set<Text>;

    #[inline]
    fn keep<V>(typed: &Typed<V>, value: &V) -> Set<Text> {
        Set::new(Text::of_type(typed, value))
    }
}
