//! Labels: what a value may be, and the values of one series as the key that finds it.

use std::borrow::Cow;
use std::fmt;
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
}

#[diagnostic::do_not_recommend]
impl LabelValue for char {
    fn as_label(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl LabelValue for $ty {
            fn as_label(&self) -> Cow<'_, str> {
                Cow::Owned(itoa::Buffer::new().format(*self).to_owned())
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
}

/// One label of a family, as it was declared.
#[derive(Debug, Clone)]
pub struct LabelSpec {
    name: Cow<'static, str>,
    values: Option<&'static [&'static str]>,
    default: Option<DefaultValue>,
}

#[derive(Debug, Clone)]
enum DefaultValue {
    Text(Cow<'static, str>),
    /// A default whose text a constant can't hold, such as an enum's variant.
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
        default: Option<fn() -> Cow<'static, str>>,
    ) -> Self {
        let default = match default {
            Some(render) => Some(DefaultValue::Rendered(render)),
            None => None,
        };
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

/// The label values of one series, in the order of the sorted label names: the key that finds it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelValues(Box<[Box<str>]>);

impl LabelValues {
    /// Copies the values, given in the order of the sorted label names.
    pub(crate) fn from_slice<S: AsRef<str>>(values: &[S]) -> Self {
        Self(values.iter().map(|value| Box::from(value.as_ref())).collect())
    }

    pub(crate) fn as_slice(&self) -> &[Box<str>] {
        &self.0
    }

    /// The values in the order of the sorted label names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|value| &**value)
    }

    /// Is this the key of these values?
    pub(crate) fn matches<S: AsRef<str>>(&self, values: &[S]) -> bool {
        self.0.len() == values.len() && self.iter().zip(values).all(|(own, other)| own == other.as_ref())
    }

    /// The value at a place in the order of the sorted label names.
    pub(crate) fn at(&self, place: usize) -> &str {
        &self.0[place]
    }
}

impl fmt::Debug for LabelValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The labels of one series, names and values, as [`retain`](crate::metrics::Family::retain) shows them.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'a> {
    specs: &'a [LabelSpec],
    values: &'a LabelValues,
}

impl<'a> Labels<'a> {
    pub(crate) fn new(specs: &'a [LabelSpec], values: &'a LabelValues) -> Self {
        Self { specs, values }
    }

    /// The value of a label; `None` when there is no such label.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let place = self.specs.binary_search_by(|spec| spec.name().cmp(name)).ok()?;
        Some(self.values.at(place))
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.specs.iter().map(LabelSpec::name).zip(self.values.0.iter().map(|value| &**value))
    }
}
