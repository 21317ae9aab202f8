//! Typestates of labels: a metric with a missing label has no methods to count.

use std::marker::PhantomData;

use crate::model::key::Key;
use crate::model::labels::{LabelBuffer, LabelSpec, LabelValue};

/// A required label without a value; `N` names it.
#[allow(missing_debug_implementations, reason = "a marker")]
pub struct Unset<N>(PhantomData<fn() -> N>);

/// A label with its default, until it gets a value.
#[derive(Debug, Clone, Copy)]
pub struct Defaulted;

/// A label with a value.
#[derive(Debug, Clone, Copy)]
pub struct Set<V> {
    value: V,
    // A function in place of a bound on `V`: a wrong type is then one error, where the value is given.
    text: for<'a> fn(&'a V, &'a mut LabelBuffer) -> &'a str,
}

impl<V: LabelValue> Set<V> {
    /// Gives a value.
    #[inline]
    pub fn new(value: V) -> Self {
        Self { value, text: V::label_in }
    }
}

impl<N> Unset<N> {
    /// Gives no value.
    #[allow(clippy::new_without_default, reason = "a marker, made in constants")]
    #[inline]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<N> Clone for Unset<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Unset<N> {}

/// A label with or without a value.
pub trait LabelSlot {
    /// Returns the given value, if any.
    fn given(&self) -> Option<String>;
}

impl<N> LabelSlot for Unset<N> {
    fn given(&self) -> Option<String> {
        None
    }
}

impl LabelSlot for Defaulted {
    fn given(&self) -> Option<String> {
        None
    }
}

impl<V> LabelSlot for Set<V> {
    fn given(&self) -> Option<String> {
        Some((self.text)(&self.value, &mut LabelBuffer::default()).to_owned())
    }
}

/// A label with a value, its own or the default.
#[diagnostic::on_unimplemented(
    message = "a required label has no value yet: {Self}",
    label = "give this label a value first",
    note = "each label of the metric is a method: `METRIC.method(\"GET\").inc()`"
)]
pub trait HasValue: LabelSlot {
    /// Whether the index of the value in a closed set is known.
    const CLOSED: bool = false;

    /// Returns the value as text, in the buffer if it is not text already.
    fn text<'a>(&'a self, spec: &'a LabelSpec, buffer: &'a mut LabelBuffer) -> &'a str;

    /// Returns the index of the value in the closed set, and the size of the set.
    #[inline]
    fn index(&self, _: &LabelSpec) -> Option<(usize, usize)> {
        None
    }
}

/// The name of a required label without a value. `metric!` implements it for each label under a condition that never holds,
/// and whose message has the name as text: the name of a type would be shown with its path.
#[diagnostic::on_unimplemented(
    message = "a required label has no value yet: Unset<{Self}>",
    label = "give this label a value first",
    note = "each label of the metric is a method: `METRIC.method(\"GET\").inc()`"
)]
pub trait NotMissing {}

/// Meets none of the conditions of [`NotMissing`].
#[derive(Debug)]
pub enum NoValue {}

/// Never used, as no name is [`NotMissing`].
impl<N: NotMissing> HasValue for Unset<N> {
    fn text<'a>(&'a self, _: &'a LabelSpec, _: &'a mut LabelBuffer) -> &'a str {
        ""
    }
}

#[diagnostic::do_not_recommend]
impl HasValue for Defaulted {
    const CLOSED: bool = true;

    #[inline]
    fn text<'a>(&'a self, spec: &'a LabelSpec, _: &'a mut LabelBuffer) -> &'a str {
        spec.default_text().unwrap_or_default()
    }

    #[inline]
    fn index(&self, spec: &LabelSpec) -> Option<(usize, usize)> {
        Some((spec.default_index()?, spec.values()?.len()))
    }
}

#[diagnostic::do_not_recommend]
impl<V> HasValue for Set<V> {
    #[inline]
    fn text<'a>(&'a self, _: &'a LabelSpec, buffer: &'a mut LabelBuffer) -> &'a str {
        (self.text)(&self.value, buffer)
    }
}

/// A list of labels `(first, (second, ..()))`, in the order of their sorted names.
pub trait LabelList {
    /// Appends the given values, `None` for other labels.
    fn given(&self, values: &mut Vec<Option<String>>);
}

impl LabelList for () {
    fn given(&self, _: &mut Vec<Option<String>>) {}
}

impl<Head: LabelSlot, Tail: LabelList> LabelList for (Head, Tail) {
    fn given(&self, values: &mut Vec<Option<String>>) {
        values.push(self.0.given());
        self.1.given(values);
    }
}

/// A list of labels, each with a value.
#[allow(private_interfaces, private_bounds, reason = "for look-ups alone")]
pub trait AllSet: LabelList {
    /// Whether all values are indices in closed sets.
    const CLOSED: bool;

    /// Buffers for values that are not text.
    type Buffers: Default;

    /// The values as text.
    type Key<'a>: Key
    where
        Self: 'a;

    /// Returns the values as text, defaults included.
    fn key<'a>(&'a self, specs: &'a [LabelSpec], buffers: &'a mut Self::Buffers) -> Self::Key<'a>;

    /// Returns the index of the values among all combinations; `before` is the index from the labels before.
    fn index(&self, specs: &[LabelSpec], before: usize) -> Option<usize>;
}

#[diagnostic::do_not_recommend]
impl AllSet for () {
    const CLOSED: bool = true;
    type Buffers = ();
    type Key<'a> = ();

    #[inline]
    fn key<'a>(&'a self, _: &'a [LabelSpec], (): &'a mut ()) {}

    #[inline]
    fn index(&self, _: &[LabelSpec], before: usize) -> Option<usize> {
        Some(before)
    }
}

impl<Head: HasValue, Tail: AllSet> AllSet for (Head, Tail) {
    const CLOSED: bool = Head::CLOSED && Tail::CLOSED;
    type Buffers = (LabelBuffer, Tail::Buffers);
    type Key<'a>
        = (&'a str, Tail::Key<'a>)
    where
        Self: 'a;

    #[inline]
    fn key<'a>(&'a self, specs: &'a [LabelSpec], buffers: &'a mut Self::Buffers) -> Self::Key<'a> {
        // Each declared label has a type.
        let value = specs.first().map_or("", |spec| self.0.text(spec, &mut buffers.0));
        (value, self.1.key(specs.get(1..).unwrap_or_default(), &mut buffers.1))
    }
    #[inline]
    fn index(&self, specs: &[LabelSpec], before: usize) -> Option<usize> {
        let (spec, rest) = specs.split_first()?;
        let (index, len) = self.0.index(spec)?;
        self.1.index(rest, before.wrapping_mul(len).wrapping_add(index))
    }
}
