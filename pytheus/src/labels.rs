//! Labels: what a value may be, and what a label is declared to be.

use std::borrow::Cow;
use std::sync::Arc;

use crate::unwind::guarded;

/// What can be the value of a label.
///
/// Strings, integers, `bool` and `char` can, references to them, and `Option`s of them: `None` is the empty value,
/// which Prometheus treats as the label being absent, so it is left out. Derive it for an enum to have a closed set.
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
    /// Every value there can be, when the set is closed and all of them should be exposed from the start.
    const VALUES: Option<&'static [&'static str]> = None;

    /// The value as text.
    fn as_label(&self) -> Cow<'_, str>;

    /// The value as text that outlives `self`: borrowed where it is constant.
    fn into_label(self) -> Cow<'static, str>
    where
        Self: Sized,
    {
        Cow::Owned(self.as_label().into_owned())
    }

    /// The value as text, in a buffer if it is not text already: a look-up need not allocate.
    #[doc(hidden)]
    fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        match self.as_label() {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => buffer.keep(text),
        }
    }

    /// Which of [`VALUES`](Self::VALUES) this is, when that is known without a search.
    #[doc(hidden)]
    fn place(&self) -> Option<usize> {
        None
    }
}

/// Room for the text of a label value.
#[doc(hidden)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "for look-ups alone")]
pub struct LabelBuffer {
    text: String,
    digits: itoa::Buffer,
}

impl LabelBuffer {
    pub(crate) fn keep(&mut self, text: String) -> &str {
        self.text = text;
        &self.text
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for str {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for String {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }

    fn into_label(self) -> Cow<'static, str> {
        Cow::Owned(self)
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for Cow<'_, str> {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for bool {
    const VALUES: Option<&'static [&'static str]> = Some(&["false", "true"]);

    fn as_label(&self) -> Cow<'_, str> {
        Cow::Borrowed(if *self { "true" } else { "false" })
    }

    fn place(&self) -> Option<usize> {
        Some(usize::from(*self))
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for char {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }

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
            fn as_label(&self) -> Cow<'_, str> {
                Cow::Owned(itoa::Buffer::new().format(*self).to_owned())
            }

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

            fn as_label(&self) -> Cow<'_, str> {
                (**self).as_label()
            }

            fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
                (**self).label_in(buffer)
            }

            fn place(&self) -> Option<usize> {
                (**self).place()
            }
        }
    )*};
}

pointers!(&T &mut T Box<T> Arc<T>);

#[diagnostic::do_not_recommend]
impl<T: LabelValue> LabelValue for Option<T> {
    fn as_label(&self) -> Cow<'_, str> {
        self.as_ref().map_or(Cow::Borrowed(""), LabelValue::as_label)
    }

    fn into_label(self) -> Cow<'static, str> {
        self.map_or(Cow::Borrowed(""), LabelValue::into_label)
    }

    fn label_in<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        self.as_ref().map_or("", |value| value.label_in(buffer))
    }
}

/// One label of a family, as it was declared.
#[derive(Debug, Clone)]
pub struct LabelSpec {
    name: Cow<'static, str>,
    values: Option<&'static [&'static str]>,
    default: Option<DefaultValue>,
}

/// The value of a label that is not given.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum DefaultValue {
    Text(Cow<'static, str>),
    /// One whose text a constant can't hold, such as an enum's variant.
    Rendered(fn() -> Cow<'static, str>),
}

impl LabelSpec {
    /// A label that every series must give.
    pub(crate) const fn required(name: Cow<'static, str>) -> Self {
        Self { name, values: None, default: None }
    }

    /// The same with a default.
    pub(crate) fn with_default(mut self, value: Cow<'static, str>) -> Self {
        self.default = Some(DefaultValue::Text(value));
        self
    }

    /// The same with a closed set of values.
    pub(crate) fn of_values(mut self, values: Option<&'static [&'static str]>) -> Self {
        self.values = values;
        self
    }

    /// A label as a macro writes it.
    #[doc(hidden)]
    pub const fn declared(
        name: &'static str,
        values: Option<&'static [&'static str]>,
        default: Option<DefaultValue>,
    ) -> Self {
        Self { name: Cow::Borrowed(name), values, default }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The closed set of values, when there is one.
    pub fn values(&self) -> Option<&'static [&'static str]> {
        self.values
    }

    /// The value that stands when none is given. Empty if finding it panicked.
    pub fn default_value(&self) -> Option<Cow<'_, str>> {
        self.default.as_ref().map(|default| match default {
            DefaultValue::Text(text) => Cow::Borrowed(&**text),
            // An expression of the user's. Its panic must take down neither a scrape nor a request.
            DefaultValue::Rendered(render) => guarded(render).unwrap_or_default(),
        })
    }

    pub(crate) fn has_default(&self) -> bool {
        self.default.is_some()
    }
}
