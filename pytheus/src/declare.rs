//! The macro that declares metrics: its documentation, and the call of the procedural macro.

/// Declares one or many metrics as statics.
///
/// ```
/// use pytheus::{LabelValue, metric};
///
/// #[derive(LabelValue)]
/// enum Method {
///     Get,
///     Post,
/// }
///
/// metric! {
///     /// Mails that were sent.
///     pub static MAILS: Counter = "mails_total";
///
///     /// Time of a reply.
///     static REPLY_SECONDS: Histogram = "reply_seconds" {
///         labels: { method: Method, page, status = "200" },
///         buckets: exponential(0.01, 2.0, 8),
///         unit: "seconds",
///     };
/// }
///
/// MAILS.inc();
/// let get = REPLY_SECONDS.method(Method::Get);
/// get.page("home").observe(0.2);
/// get.page("nowhere").status("404").observe(0.1);
/// ```
///
/// A declaration is `static NAME: Type = "name";`, with options in braces after the name, a literal or a constant. The
/// type is `Counter`, `Gauge`, `Histogram`, `Summary`, `Info` or `StateSet<States>`; it need not be imported. The first
/// paragraph of the doc comment is the help text.
///
/// | option | meaning |
/// |---|---|
/// | `labels: { .. }` | labels: `name`, `name: Type`, `name = default` or `name: Type = default` |
/// | `labels: Struct` | the fields of a struct that derives [`LabelSet`](derive@crate::LabelSet), which several metrics may share |
/// | `help: ".."` | the help text, in place of the doc comment |
/// | `buckets: ..` | of a histogram: a list, a constant, `linear(start, width, count)` or `exponential(start, factor, count)`; else the default eleven |
/// | `mode: ..` | of a gauge, the aggregation over processes: `shared`, `live_sum`, `live_min`, `live_max`, `most_recent`, `live_most_recent`, `per_process` |
/// | `unit: "seconds"` | the unit, in which the name must end |
/// | `namespace: ".."` | goes before the name, with a `_` |
/// | `limit: 100` | the maximum number of series; beyond it, label values become `__other__` |
/// | `zero_series: false` | closed label sets are not exposed at zero |
/// | `registry: PATH` | a static `CollectorRegistry` for the metric; `none` for no registry |
///
/// Each label is a method of the static, with the label's doc comment. Labels with a default may be left out; without a
/// value for the others, the methods that count do not compile. `r#type` is the label `type`. A label with the name of
/// a method of the metric has `label_` before it, `label_time(..)`:
///
/// | on | reserved names |
/// |---|---|
/// | every metric | `to_series`, `clear`, `clone`, `collector`, `deref`, `descriptor`, `family`, `labels`, `partial`, `remove`, `retain`, `series_without`, `to_partial`, `with` |
/// | `Counter` | `count_errors`, `count_errors_future`, `count_errors_if_future`, `count_errors_if`, `get`, `inc`, `inc_by` |
/// | `Gauge` | `dec`, `dec_by`, `get`, `inc`, `inc_by`, `set_function`, `set`, `set_to_current_time`, `time`, `time_call`, `time_future`, `track_inprogress`, `track_inprogress_call`, `track_inprogress_future` |
/// | `Histogram`, `Summary` | `count`, `observe`, `observe_duration`, `sum`, `time`, `time_call`, `time_future` |
/// | `Info` | `is_set`, `set` |
/// | `StateSet` | `disable`, `enable`, `is_enabled`, `set` |
///
/// The error of a missing value names the label: *a required label has no value yet: `Unset<method>`*. A module with
/// `#![no_implicit_prelude]` has no `#[diagnostic]` attributes: the error is less precise, and the macro has to know
/// it: `metric! { #![no_implicit_prelude] .. }`.
///
/// With a type, a label takes values of that type only, and a closed set, such as an enum that derives `LabelValue`, is
/// exposed at zero. Without a type, it takes any text or number.
///
/// # Expands to
///
/// ```text
/// pub static MAILS: Counter = {
///     const __PYTHEUS_NAME: &'static str = "mails_total";
///     const _: () = __pytheus::check(__pytheus::name::metric_name(__PYTHEUS_NAME));  // at the literal
///     static __PYTHEUS_DESCRIPTOR: Descriptor = Declare { kind: Kind::Counter, name: __PYTHEUS_NAME, .. }.build();
///     static __PYTHEUS_DECLARED: Declared = Declared::new::<Counter>(&__PYTHEUS_DESCRIPTOR, Scope::Default, Some(&[]));
///     submit!(__PYTHEUS_DECLARED);                                     // registers it before `main`
///     Counter::declared(&__PYTHEUS_DECLARED)
/// };
///
/// struct REPLY_SECONDS<L0 = Unset<method>, L1 = Unset<page>, L2 = Defaulted> { .. }    // derefs to `Histogram<Labelled<..>>`
/// impl<L0, L1, L2> REPLY_SECONDS<L0, L1, L2> {
///     pub fn method(&self, value: Method) -> REPLY_SECONDS<Set<..>, L1, L2> { .. }     // one method per label
/// }
/// static REPLY_SECONDS: REPLY_SECONDS = { .. };
/// ```
#[macro_export]
macro_rules! metric {
    ($($declarations:tt)*) => {
        $crate::__private::metric! { crate = $crate; $($declarations)* }
    };
}
