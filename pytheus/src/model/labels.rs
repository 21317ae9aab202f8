//! Labels: their values and their declarations.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use once_cell::race::OnceBox;

use crate::sync::catch_panic;

/// A value of a label.
///
/// Strings, integers, `bool`, `char`, references to them, and `Option`s of them. `None` is the empty value: Prometheus
/// treats it as an absent label, so it is left out. Derive the trait for an enum with a closed set of values.
///
/// ```
/// use pytheus::LabelValue;
///
/// #[derive(LabelValue)]
/// enum Method {
///     Get,
///     #[label_value(rename = "POST")]
///     Post,
/// }
///
/// assert_eq!(Method::VALUES, Some(&["get", "POST"][..]));
/// assert_eq!(Method::Get.as_label(), "get");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the value of a label",
    label = "not a label value",
    note = "strings, integers, `bool`, `char`, and `Option`s of them can",
    note = "for an enum of your own, `#[derive(pytheus::LabelValue)]`"
)]
pub trait LabelValue {
    /// All values, if the set is closed and all of them should be exposed from the start.
    const VALUES: Option<&'static [&'static str]> = None;

    /// Returns the value as text.
    fn as_label(&self) -> Cow<'_, str>;

    /// Converts the value into text, borrowed if it is constant.
    fn into_label(self) -> Cow<'static, str>
    where
        Self: Sized,
    {
        Cow::Owned(self.as_label().into_owned())
    }

    /// Returns the value as text, in the buffer if it is not text already, so that a look-up need not allocate.
    #[inline]
    fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        match self.as_label() {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => buffer.store(text),
        }
    }

    /// Returns the index in [`VALUES`](Self::VALUES), if it is known without a search.
    #[inline]
    fn index(&self) -> Option<usize> {
        None
    }
}

/// A buffer for the text of a label value.
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "for look-ups alone")]
pub struct LabelBuffer {
    text: String,
    digits: itoa::Buffer,
}

impl LabelBuffer {
    /// Stores a text, and returns it.
    pub fn store(&mut self, text: String) -> &str {
        self.text = text;
        &self.text
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for str {
    #[inline]
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for String {
    #[inline]
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }

    fn into_label(self) -> Cow<'static, str> {
        Cow::Owned(self)
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for Cow<'_, str> {
    #[inline]
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for bool {
    const VALUES: Option<&'static [&'static str]> = Some(&["false", "true"]);

    #[inline]
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(if *self { "true" } else { "false" })
    }

    #[inline]
    fn index(&self) -> Option<usize> {
        Some(usize::from(*self))
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for char {
    #[inline]
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }

    #[inline]
    fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        buffer.text.clear();
        buffer.text.push(*self);
        &buffer.text
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl LabelValue for $ty {
            #[inline]
            fn as_label(&self) -> Cow<'_, str> {
                Cow::Owned(itoa::Buffer::new().format(*self).to_owned())
            }

            #[inline]
            fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
                buffer.digits.format(*self)
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

macro_rules! pointers {
    ($($ty:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: LabelValue + ?Sized> LabelValue for $ty {
            const VALUES: Option<&'static [&'static str]> = T::VALUES;

            #[inline]
            fn as_label(&self) -> Cow<'_, str> {
                (**self).as_label()
            }

            #[inline]
            fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
                (**self).label_in(buffer)
            }

            #[inline]
            fn index(&self) -> Option<usize> {
                (**self).index()
            }
        }
    )*};
}

pointers!(&T &mut T Box<T> Arc<T>);

#[diagnostic::do_not_recommend]
impl<T: LabelValue> LabelValue for Option<T> {
    #[inline]
    fn as_label(&self) -> Cow<'_, str> {
        self.as_ref().map_or(Cow::Borrowed(""), LabelValue::as_label)
    }

    fn into_label(self) -> Cow<'static, str> {
        self.map_or(Cow::Borrowed(""), LabelValue::into_label)
    }

    #[inline]
    fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        self.as_ref().map_or("", |value| value.label_in(buffer))
    }
}

/// The functions that generated code needs of a label's type. Naming the trait here only makes a wrong type a single
/// error.
#[doc(hidden)]
#[derive(Debug)]
pub struct Typed<V> {
    pub values: Option<&'static [&'static str]>,
    pub label_in: for<'a> fn(&'a V, &'a mut LabelBuffer) -> &'a str,
    pub into_label: fn(V) -> Cow<'static, str>,
    pub index: fn(&V) -> Option<usize>,
}

/// Returns the functions of a label's type. As a function, it makes the error about a type name the trait.
#[doc(hidden)]
pub const fn typed<V: LabelValue>() -> Typed<V> {
    Typed { values: V::VALUES, label_in: V::label_in, into_label: V::into_label, index: V::index }
}

impl<V> Typed<V> {
    /// Returns whether the set of values is closed.
    pub const fn is_closed(&self) -> bool {
        self.values.is_some()
    }
}

/// A declared label of a family.
#[derive(Debug, Clone)]
pub struct LabelSpec {
    name: Cow<'static, str>,
    values: Option<&'static [&'static str]>,
    default: Option<DefaultValue>,
}

/// The default value of a label.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum DefaultValue {
    Text(Cow<'static, str>),
    /// A text that no constant can hold, such as that of an enum's variant.
    Rendered(Rendered),
}

impl DefaultValue {
    /// Makes a default from a function.
    pub const fn rendered(render: fn() -> Cow<'static, str>) -> Self {
        Self::Rendered(Rendered { render, found: OnceBox::new() })
    }
}

/// A default from an expression of the user, evaluated at the first use.
#[doc(hidden)]
pub struct Rendered {
    render: fn() -> Cow<'static, str>,
    /// Evaluated more than once by threads that race, or by an expression that counts in the metric itself.
    found: OnceBox<Found>,
}

/// An evaluated default.
#[derive(Debug, Clone)]
struct Found {
    text: Cow<'static, str>,
    /// The index in the closed set.
    index: Option<usize>,
}

impl Rendered {
    /// Evaluates the default; `None` if it panics, because a panic must take down neither a scrape nor a request.
    fn get(&self, values: Option<&[&str]>) -> Option<&Found> {
        if let Some(found) = self.found.get() {
            return Some(found);
        }
        let text = catch_panic(self.render).ok()?;
        let index = values.and_then(|values| values.iter().position(|value| *value == text));
        Some(self.found.get_or_init(|| Box::new(Found { text, index })))
    }
}

impl Clone for Rendered {
    fn clone(&self) -> Self {
        // Evaluated again when needed.
        Self { render: self.render, found: OnceBox::new() }
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rendered").field(&self.found.get()).finish()
    }
}

impl LabelSpec {
    /// Declares a required label.
    pub(crate) const fn required(name: Cow<'static, str>) -> Self {
        Self { name, values: None, default: None }
    }

    /// Adds a default.
    pub(crate) fn with_default(mut self, value: Cow<'static, str>) -> Self {
        self.default = Some(DefaultValue::Text(value));
        self
    }

    /// Adds a closed set of values.
    pub(crate) fn of_values(mut self, values: Option<&'static [&'static str]>) -> Self {
        self.values = values;
        self
    }

    /// Declares a label as a macro writes it.
    #[doc(hidden)]
    pub const fn declared(
        name: &'static str,
        values: Option<&'static [&'static str]>,
        default: Option<DefaultValue>,
    ) -> Self {
        Self { name: Cow::Borrowed(name), values, default }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the closed set of values, if there is one.
    pub fn values(&self) -> Option<&'static [&'static str]> {
        self.values
    }

    /// Returns the default value; empty if its expression panicked.
    pub fn default_value(&self) -> Option<Cow<'_, str>> {
        self.default_text().map(Cow::Borrowed)
    }

    pub(crate) fn default_text(&self) -> Option<&str> {
        self.default.as_ref().map(|default| match default {
            DefaultValue::Text(text) => &**text,
            DefaultValue::Rendered(rendered) => rendered.get(self.values).map_or("", |found| &*found.text),
        })
    }

    /// Returns the index of the default in the closed set.
    #[inline]
    pub(crate) fn default_index(&self) -> Option<usize> {
        match &self.default {
            Some(DefaultValue::Rendered(rendered)) => rendered.get(self.values)?.index,
            _ => None,
        }
    }

    pub(crate) fn has_default(&self) -> bool {
        self.default.is_some()
    }
}
