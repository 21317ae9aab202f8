//! Labels of several metrics as one struct.

use crate::metrics::labels::typestate::{AllSet, LabelList};
use crate::model::labels::LabelSpec;

/// A struct whose fields are the labels of metrics. Derive it.
///
/// Several metrics with the same labels share the struct, and a function passes it on as one value. Each metric has a method
/// `with`, which finds the series of such a value by one look-up.
///
/// ```
/// use pytheus::{LabelSet, LabelValue, metric};
///
/// #[derive(LabelValue)]
/// enum Method {
///     Get,
///     Post,
/// }
///
/// #[derive(LabelSet)]
/// struct Route<'a> {
///     method: Method,
///     #[label(name = "route")]
///     path: &'a str,
///     status: u16,
/// }
///
/// metric! {
///     /// Requests.
///     static REQUESTS: Counter = "routed_requests_total" { labels: Route<'_> };
///     /// Time to answer.
///     static SECONDS: Histogram = "routed_seconds" { labels: Route<'_> };
/// }
///
/// let route = Route { method: Method::Get, path: "/", status: 200 };
/// REQUESTS.with(&route).inc();
/// SECONDS.with(&route).observe(0.02);
/// assert_eq!(REQUESTS.with(&route).get(), 1.0);
/// ```
///
/// Each field is a [`LabelValue`](trait@crate::LabelValue), and its name, or that of `#[label(name = "..")]`, the name of
/// the label. Where all fields are closed sets, each combination shows at zero from the first scrape, as with
/// `labels: { .. }`. A struct with a lifetime is written `Route<'_>` in `metric!`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no struct of labels",
    label = "not a struct of labels",
    note = "for a struct of your own, `#[derive(pytheus::LabelSet)]`"
)]
#[allow(private_bounds, reason = "derived, never written by hand")]
pub trait LabelSet {
    /// Names, sorted, each with the closed set of its values.
    #[doc(hidden)]
    const LABELS: SetLabels;

    /// The labels without values.
    #[doc(hidden)]
    type Start: LabelList;

    #[doc(hidden)]
    const START: Self::Start;

    /// The labels with values, borrowed: a look-up copies no text.
    #[doc(hidden)]
    type List<'a>: AllSet
    where
        Self: 'a;

    #[doc(hidden)]
    fn list(&self) -> Self::List<'_>;
}

/// Names of labels, each with the closed set of its values.
pub type SetLabels = &'static [(&'static str, Option<&'static [&'static str]>)];

/// Declares the labels of a set.
pub const fn label_specs<const N: usize>(labels: SetLabels) -> [LabelSpec; N] {
    let mut specs = [const { LabelSpec::declared("", None, None) }; N];
    let mut i = 0;
    while i < N {
        let (name, values) = labels[i];
        // A constant can't drop what was there.
        std::mem::forget(std::mem::replace(&mut specs[i], LabelSpec::declared(name, values, None)));
        i += 1;
    }
    specs
}

/// Returns the closed sets.
pub const fn closed_sets<const N: usize>(labels: SetLabels) -> [Option<&'static [&'static str]>; N] {
    let mut sets = [None; N];
    let mut i = 0;
    while i < N {
        sets[i] = labels[i].1;
        i += 1;
    }
    sets
}
