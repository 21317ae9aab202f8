//! Owned label values, small enough for the stack: in a handle, or until a call ends.

use std::borrow::Cow;

use crate::metrics::labels::typestate::{HasValue, LabelSlot, Set};
use crate::model::labels::{LabelBuffer, LabelSpec, LabelValue, Typed, typed};

/// A label value of a closed set, as its index.
#[derive(Debug, Clone)]
pub struct EnumValue(EnumRepr);

#[derive(Debug, Clone)]
enum EnumRepr {
    Index {
        values: &'static [&'static str],
        index: usize,
    },
    /// A value outside the set, of a hand-written `LabelValue`.
    Other(SmallText),
}

impl EnumValue {
    /// The value at this index of the set.
    #[inline]
    pub const fn at(values: &'static [&'static str], index: usize) -> Self {
        Self(EnumRepr::Index { values, index })
    }

    #[inline]
    fn new<V>(typed: &Typed<V>, value: &V) -> Self {
        let values = typed.values.unwrap_or_default();
        match (typed.index)(value) {
            Some(index) if index < values.len() => Self(EnumRepr::Index { values, index }),
            _ => Self::find(values, SmallText::of_type(typed, value)),
        }
    }

    #[cold]
    fn find(values: &'static [&'static str], text: SmallText) -> Self {
        match values.iter().position(|value| *value == text.as_str()) {
            Some(index) => Self(EnumRepr::Index { values, index }),
            None => Self(EnumRepr::Other(text)),
        }
    }

    #[inline]
    fn as_str(&self) -> &str {
        match &self.0 {
            EnumRepr::Index { values, index } => values.get(*index).copied().unwrap_or_default(),
            EnumRepr::Other(text) => text.as_str(),
        }
    }
}

impl LabelSlot for EnumValue {
    fn given(&self) -> Option<String> {
        Some(self.as_str().to_owned())
    }
}

#[diagnostic::do_not_recommend]
impl HasValue for EnumValue {
    const CLOSED: bool = true;

    #[inline]
    fn text<'a>(&'a self, _: &'a LabelSpec, _: &'a mut LabelBuffer) -> &'a str {
        self.as_str()
    }

    #[inline]
    fn index(&self, _: &LabelSpec) -> Option<(usize, usize)> {
        match &self.0 {
            EnumRepr::Index { values, index } => Some((*index, values.len())),
            EnumRepr::Other(_) => None,
        }
    }
}

/// The longest text that is stored without an allocation.
const SHORT: usize = 46;

/// A text, stored inline if it is short.
#[derive(Debug, Clone)]
pub struct SmallText(TextRepr);

#[derive(Debug, Clone)]
enum TextRepr {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Cow<'static, str>),
}

impl SmallText {
    /// The empty text.
    pub const EMPTY: Self = Self(TextRepr::Long(Cow::Borrowed("")));

    /// Copies the text of a value.
    #[inline]
    pub fn of<V: LabelValue + ?Sized>(value: &V) -> Self {
        let mut buffer = LabelBuffer::default();
        Self::copy(value.label_in(&mut buffer))
    }

    /// Copies the text of a value of this type.
    #[inline]
    pub fn of_type<V>(typed: &Typed<V>, value: &V) -> Self {
        Self::copy((typed.label_in)(value, &mut LabelBuffer::default()))
    }

    #[inline]
    fn copy(text: &str) -> Self {
        Self::short(text).unwrap_or_else(|| Self(TextRepr::Long(Cow::Owned(text.to_owned()))))
    }

    #[inline]
    fn short(text: &str) -> Option<Self> {
        let mut bytes = [0; SHORT];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(TextRepr::Short { len: u8::try_from(text.len()).ok()?, bytes }))
    }

    #[inline]
    fn as_str(&self) -> &str {
        match &self.0 {
            TextRepr::Short { len, bytes } => str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or_default(),
            TextRepr::Long(text) => text,
        }
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for SmallText {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.as_str())
    }

    #[inline]
    fn label_in<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        self.as_str()
    }
}

/// A label value of an existing metric, owned until the call ends. Borrowed text is copied, so that the body may take the
/// argument; any other value is moved, for a label of its type.
#[derive(Debug)]
pub struct OwnedLabel<T>(pub T);

impl<T: LabelValue + ?Sized> OwnedLabel<&T> {
    /// Copies the text.
    #[inline]
    pub fn own(self) -> SmallText {
        SmallText::of(self.0)
    }
}

impl<T: LabelValue + ?Sized> OwnedLabel<Option<&T>> {
    /// Copies the text.
    #[inline]
    pub fn own(self) -> SmallText {
        SmallText::of(&self.0)
    }
}

impl OwnedLabel<Cow<'_, str>> {
    /// Copies the text.
    #[inline]
    pub fn own(self) -> SmallText {
        SmallText::of(&self.0)
    }
}

/// Owns the values without a method of [`OwnedLabel`] itself.
pub trait OwnValue {
    /// The owned value.
    type Value;

    /// Returns the value.
    fn own(self) -> Self::Value;
}

impl<T> OwnValue for OwnedLabel<T> {
    type Value = T;

    #[inline]
    fn own(self) -> T {
        self.0
    }
}

/// Chooses the form of a typed label value: an index where the set is closed, else text.
#[derive(Debug)]
pub struct StoreAs<const CLOSED: bool>;

/// See [`StoreAs`].
pub trait Store {
    /// The stored form.
    type Stored: HasValue + Clone;

    /// Stores a value.
    fn store<V>(typed: &Typed<V>, value: &V) -> Self::Stored;
}

impl Store for StoreAs<true> {
    type Stored = EnumValue;

    #[inline]
    fn store<V>(typed: &Typed<V>, value: &V) -> EnumValue {
        EnumValue::new(typed, value)
    }
}

impl Store for StoreAs<false> {
    type Stored = Set<SmallText>;

    #[inline]
    fn store<V>(typed: &Typed<V>, value: &V) -> Set<SmallText> {
        Set::new(SmallText::of_type(typed, value))
    }
}

/// Chooses the form of a typed label value that is borrowed until the end of a call; see [`StoreAs`].
pub trait Lend {
    /// The borrowed form.
    type Lent<'a, V: LabelValue + 'a>: HasValue;

    /// Borrows a value.
    fn lend<V: LabelValue>(value: &V) -> Self::Lent<'_, V>;
}

impl Lend for StoreAs<true> {
    type Lent<'a, V: LabelValue + 'a> = EnumValue;

    #[inline]
    fn lend<V: LabelValue>(value: &V) -> EnumValue {
        EnumValue::new(&const { typed::<V>() }, value)
    }
}

impl Lend for StoreAs<false> {
    type Lent<'a, V: LabelValue + 'a> = Set<&'a V>;

    #[inline]
    fn lend<V: LabelValue>(value: &V) -> Set<&V> {
        Set::new(value)
    }
}
