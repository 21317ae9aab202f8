//! The walk over a family: its head, then its series as borrowed points. All encoders take it.

use std::borrow::Cow;

use crate::backends::api::FamilyTotals;
use crate::model::descriptor::Kind;
use crate::model::escape;
use crate::model::key::Labels;
use crate::model::number::Number;
use crate::model::point::{Point, PointLabels, PointValue};
use crate::registry::{Content, FamilyView};

/// Everything that a family says before its series.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) kind: Kind,
    pub(super) unit: Option<&'a str>,
    /// The constant labels of the registry, which stand before those of each series.
    pub(super) constant: Constant<'a>,
}

/// The constant labels of a registry, in two forms.
#[derive(Clone, Copy)]
pub(super) struct Constant<'a> {
    /// Without braces.
    pub(super) text: &'a str,
    pub(super) pairs: &'a [(String, String)],
}

/// The labels of a series.
#[derive(Clone, Copy)]
pub(super) enum SeriesLabels<'a> {
    /// With their text at hand.
    Rendered(Labels<'a>),
    Pairs(&'a PointLabels),
}

impl<'a> SeriesLabels<'a> {
    /// Returns the text without braces, in the buffer if it is not at hand.
    #[inline]
    pub(super) fn text<'t>(&self, buffer: &'t mut String) -> &'t str
    where
        'a: 't,
    {
        match self {
            Self::Rendered(labels) => labels.exposed(),
            Self::Pairs(labels) => {
                buffer.clear();
                escape::labels(buffer, labels.iter().map(|(name, value)| (&**name, &**value)));
                buffer
            }
        }
    }

    /// Shows names and values.
    pub(super) fn each(&self, mut show: impl FnMut(&str, &str)) {
        match self {
            Self::Rendered(labels) => labels.iter().for_each(|(name, value)| show(name, value)),
            Self::Pairs(labels) => labels.iter().for_each(|(name, value)| show(name, value)),
        }
    }
}

/// The value of a series.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Number(Number),
    Histogram {
        bounds: &'a [f64],
        /// Not cumulative; one more than there are bounds.
        counts: &'a [Number],
        sum: f64,
    },
    Summary {
        count: u64,
        sum: f64,
        quantiles: &'a [(f64, f64)],
    },
    States(StateNames<'a>, &'a [Number]),
    Info,
}

/// The names of states.
#[derive(Clone, Copy)]
pub(super) enum StateNames<'a> {
    Static(&'a [&'static str]),
    Owned(&'a [Cow<'static, str>]),
}

impl StateNames<'_> {
    /// Shows each name.
    pub(super) fn each(&self, show: impl FnMut(&str)) {
        match self {
            Self::Static(names) => names.iter().copied().for_each(show),
            Self::Owned(names) => names.iter().map(|name| &**name).for_each(show),
        }
    }
}

/// Takes a family as the walk shows it.
pub(super) trait Visit {
    /// Begins the family.
    fn begin(&mut self, head: &Head<'_>);

    /// Takes a series. The order is that of the label values.
    fn point(&mut self, head: &Head<'_>, labels: &SeriesLabels<'_>, value: &Value<'_>);

    /// Ends the family, which may have no series.
    fn end(&mut self);
}

/// Shows a family.
pub(super) fn walk(family: &FamilyView<'_>, to: &mut impl Visit) {
    match family.content() {
        Content::Totals(totals, text, pairs) => of_totals(family.name(), totals, Constant { text, pairs }, to),
        Content::Snapshot(snapshot) => {
            let head = Head {
                name: snapshot.name(),
                help: snapshot.help(),
                kind: snapshot.kind(),
                unit: snapshot.unit(),
                // Each point has them.
                constant: Constant { text: "", pairs: &[] },
            };
            to.begin(&head);
            for Point { labels, value } in snapshot.points() {
                to.point(&head, &SeriesLabels::Pairs(labels), &value_of(value));
            }
            to.end();
        }
    }
}

fn value_of(value: &PointValue) -> Value<'_> {
    match value {
        PointValue::Number(number) => Value::Number(*number),
        PointValue::Histogram(histogram) => {
            Value::Histogram { bounds: &histogram.bounds, counts: &histogram.counts, sum: histogram.sum }
        }
        PointValue::Summary(summary) => {
            Value::Summary { count: summary.count, sum: summary.sum, quantiles: &summary.quantiles }
        }
        PointValue::States(states) => Value::States(StateNames::Owned(&states.names), &states.flags),
        PointValue::Info => Value::Info,
    }
}

fn of_totals(name: &str, totals: &FamilyTotals<'_>, constant: Constant<'_>, to: &mut impl Visit) {
    let descriptor = totals.descriptor();
    let (help, kind, unit) = (descriptor.help(), descriptor.kind(), descriptor.unit());
    let head = Head { name, help, kind, unit, constant };
    let (bounds, states) = (descriptor.buckets(), descriptor.states());
    to.begin(&head);
    totals.each(|labels, parts| {
        let value = match (kind, parts) {
            (Kind::Counter | Kind::Gauge, [number]) => Value::Number(*number),
            (Kind::Summary, [count, sum]) => {
                Value::Summary { count: count.as_count(), sum: sum.as_f64(), quantiles: &[] }
            }
            (Kind::Histogram, [counts @ .., sum]) => Value::Histogram { bounds, counts, sum: sum.as_f64() },
            (Kind::StateSet, flags) => Value::States(StateNames::Static(states), flags),
            (Kind::Info, [Number::Int(1)]) => Value::Info,
            // An info metric without stated facts.
            _ => return,
        };
        to.point(&head, &SeriesLabels::Rendered(labels), &value);
    });
    to.end();
}
