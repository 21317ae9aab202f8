//! The macros of `pytheus`; use them through that crate.

use proc_macro::TokenStream;
use quote::ToTokens;

use crate::args::Args;
use crate::declaration::Declarations;
use crate::errors::Errors;
use crate::expand::model::Static;
use crate::function::Function;
use crate::impl_block::ImplBlock;
use crate::options::Kind;

mod args;
mod check;
mod check_declaration;
mod declaration;
mod docs;
mod errors;
mod expand;
mod fallback;
mod function;
mod handle;
mod impl_block;
mod label_set;
mod label_value;
mod options;
mod reserved;
mod returned;
mod tokens;

/// Counts the calls of a function, a method, or an async function.
///
/// The function stays as it is: its signature, its errors, the order in which it drops its arguments, and its lints,
/// but for [some](#what-changes).
///
/// An async function, and one that returns a future, is a call from the first poll to the end. A future is known by its
/// type as it is written: `impl Future<Output = T>`, `Pin<Box<dyn Future<Output = T>>>`, `BoxFuture<'_, T>` or
/// `LocalBoxFuture<'_, T>`, with further bounds or without. A future under another name does not compile without the
/// option `future`: `boxed` for an alias of a boxed one, `untracked` for a call that ends when the future is made, as it
/// does for any other value. Streams are such values: a call ends when the stream is made.
///
/// | option | meaning |
/// |---|---|
#[doc = include_str!("options.md")]
///
/// A label is `name = expr`, `name: Type = expr`, `name` or `name: Type` for the argument of that name, or `outcome`,
/// which is `ok`, `error`, `panicked` or `cancelled`. An expression sees the arguments and moves none of them; one that
/// uses `ret` sees a reference to the returned value, and is empty when there is none. A closed set of values, such as
/// an enum that derives `LabelValue`, is exposed at zero where the label has the type written, `kind: Kind`: the types
/// in the function's signature are not asked.
///
/// A declared metric takes its labels as it does anywhere, by their methods, and there `outcome` and `ret` have the same
/// meaning: `#[histogram(DB.call("get").outcome(outcome))]`, `#[counter(ROWS.table("users").found(ret.is_some()))]`. Where
/// there is no returned value, its labels are empty. An argument of one of these names comes first.
///
/// On an `impl` block, also of a trait, an attribute is on each function with a body. The label `method` is the function's
/// name, a closed set that is exposed at zero; a declared metric takes it as `#[counter(CALLS.method(method))]`.
/// `#[pytheus(skip)]` leaves a function out.
///
/// There is no macro `counter!("jobs_total")` for the middle of a function: a name may be an attribute or such a macro, not
/// both. Declare the metric with [`metric!`](../pytheus/macro.metric.html), also inside the function, and call it:
/// `metric! { /** Jobs. */ static JOBS: Counter = "jobs_total"; }`, then `JOBS.inc()`.
///
/// The crate is found as `::pytheus`. Where it has another name, each attribute says so, `crate = prom`, or
/// `extern crate prom as pytheus;` in the root of the crate says so once.
///
/// An error is the `Err` of a `Result`, or what a type of your own calls one, which implements
/// [`HasOutcome`](../pytheus/metrics/trait.HasOutcome.html). Any other value is `ok`, such as `None`, a boxed value, or
/// one of a generic type without that bound, until `error` says what is one, of a `Result` too:
/// `error = ret.status().is_server_error()`.
///
/// Under `async_trait`, an argument that is a pattern has no name that a label could use.
///
/// ```
/// use pytheus::counter;
/// use pytheus::registry::{REGISTRY, Registry};
///
/// /// Jobs that ran.
/// #[counter(name = "jobs_total", labels(queue, outcome))]
/// /// Jobs that failed.
/// #[counter(name = "job_errors_total", on = error)]
/// fn run(queue: &str) -> Result<usize, String> {
///     queue.parse().map_err(|_| format!("no queue {queue}"))
/// }
///
/// assert!(run("mail").is_err());
/// assert_eq!(REGISTRY.sample_value("jobs_total", &[("queue", "mail"), ("outcome", "error")]), Some(1.0));
/// assert_eq!(REGISTRY.sample_value("job_errors_total", &[]), Some(1.0));
/// ```
///
#[doc = include_str!("what_changes.md")]
///
/// # Expands to
///
/// The first attribute above, abridged:
///
/// ```text
/// fn run(queue: &str) -> Result<usize, String> {
///     use ::pytheus::__private as __pytheus;
///     const __PYTHEUS_NAME: &'static str = "jobs_total";
///     const _: () = __pytheus::check(__pytheus::name::metric_name(__PYTHEUS_NAME));  // at the literal
///     static __PYTHEUS_DESCRIPTOR: Descriptor = Declare { kind: Kind::Counter, name: __PYTHEUS_NAME, .. }.build();
///     static __PYTHEUS_DECLARED: Declared = Declared::new::<Counter>(&__PYTHEUS_DESCRIPTOR, Scope::Default, None);
///     submit!(__PYTHEUS_DECLARED);                                     // registers it before `main`
///
///     let label0 = own_label(&(queue));                                 // on the stack, if it is short
///     let call = Call::begin(Count, On::CALL, move |[], outcome| {
///         Counter::labelled(&__PYTHEUS_DECLARED, (__pytheus::outcome(outcome), (label0, ())))
///     });
///     let ret = __pytheus::call(move || -> Result<usize, String> { .. });         // the body, as it was
///     call.finish(/* the outcome of `ret` */, []);
///     ret
/// }
/// ```
///
/// Without `outcome`, `ret` and `on` there is no closure: `Counter::labelled(..).inc();` goes before the body.
#[proc_macro_attribute]
pub fn counter(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Counter, args, item)
}

/// Tracks the calls of a function in a gauge: how many are in progress, how long the last took, or when it was.
///
/// Three words say what the gauge does, and an attribute has one of them:
///
/// | word | meaning |
/// |---|---|
/// | `track_inprogress` | one higher while a call runs, however it ends; its `mode` is `live_sum` unless told otherwise |
/// | `time` | the seconds that the last call took |
/// | `set_to_current_time` | the time at which the last call ended |
///
/// | option | meaning |
/// |---|---|
/// | `mode = ..` | how processes combine: `shared`, `live_sum`, `live_min`, `live_max`, `most_recent`, `live_most_recent`, `per_process` |
#[doc = include_str!("options.md")]
///
/// Labels are those of [`macro@counter`]. A call in progress has no outcome yet, so `track_inprogress` takes neither
/// `on` nor labels of the outcome or the returned value.
///
/// ```
/// use pytheus::gauge;
/// use pytheus::registry::{REGISTRY, Registry};
///
/// /// Jobs that run now.
/// #[gauge(name = "jobs_in_progress", track_inprogress)]
/// /// When a job last succeeded.
/// #[gauge(name = "last_success_seconds", set_to_current_time, on = ok)]
/// fn run() -> Result<(), String> {
///     assert_eq!(REGISTRY.sample_value("jobs_in_progress", &[]), Some(1.0));
///     Ok(())
/// }
///
/// run()?;
/// assert_eq!(REGISTRY.sample_value("jobs_in_progress", &[]), Some(0.0));
/// assert!(REGISTRY.sample_value("last_success_seconds", &[]) > Some(1e9));
/// # Ok::<(), String>(())
/// ```
///
/// # Expands to
///
/// The first attribute above, abridged:
///
/// ```text
/// fn run() -> Result<(), String> {
///     static __PYTHEUS_DESCRIPTOR: Descriptor = Declare { kind: Kind::Gauge, mode: GaugeMode::LiveSum, .. }.build();
///     static __PYTHEUS_DECLARED: Declared = Declared::new::<Gauge>(&__PYTHEUS_DESCRIPTOR, Scope::Default, Some(&[]));
///     submit!(__PYTHEUS_DECLARED);
///     static __PYTHEUS_METRIC: Gauge = Gauge::declared(&__PYTHEUS_DECLARED);
///
///     let _guard = __PYTHEUS_METRIC.track_inprogress();                // takes one away when it is dropped
///     { .. }                                                           // the body, as it was
/// }
/// ```
#[proc_macro_attribute]
pub fn gauge(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Gauge, args, item)
}

/// Times the calls of a function, a method, or an async function in a histogram.
///
/// Every call is observed, however it ends: by a return, a `?`, a panic, or a future that is dropped.
///
/// | option | meaning |
/// |---|---|
/// | `buckets = ..` | the upper bounds: a list, a constant, `linear(start, width, count)` or `exponential(start, factor, count)`, at most 500; else the default eleven |
#[doc = include_str!("options.md")]
///
/// Labels are those of [`macro@counter`].
///
/// ```
/// use pytheus::registry::{REGISTRY, Registry};
/// use pytheus::{histogram, metric};
///
/// metric! {
///     /// Time of a page.
///     static PAGE_SECONDS: Histogram = "page_seconds" { labels: { page } };
/// }
///
/// #[histogram(PAGE_SECONDS.page("home"))]
/// /// Time of a greeting.
/// #[histogram(name = "greeting_seconds", buckets = [0.1, 1.0], labels(length = ret.len()))]
/// fn home() -> &'static str {
///     "hello"
/// }
///
/// home();
/// assert_eq!(PAGE_SECONDS.page("home").count(), 1);
/// assert_eq!(REGISTRY.sample_value("greeting_seconds_count", &[("length", "5")]), Some(1.0));
/// ```
///
/// # Expands to
///
/// `#[histogram(PAGE_SECONDS.page("home"))]`:
///
/// ```text
/// fn home() -> &'static str {
///     let metric: Histogram = (PAGE_SECONDS.page("home")).to_series();
///     let _guard = metric.time();                                      // observes when it is dropped
///     { .. }                                                           // the body, as it was
/// }
/// ```
///
/// With `name`, statics go before it, as [`macro@counter`] shows; with `ret`, `outcome` or `on`, its call goes around
/// the body.
#[proc_macro_attribute]
pub fn histogram(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Histogram, args, item)
}

/// Times the calls of a function, a method, or an async function in a summary: their number and their sum.
///
/// Every call is observed, however it ends: by a return, a `?`, a panic, or a future that is dropped.
///
/// | option | meaning |
/// |---|---|
#[doc = include_str!("options.md")]
///
/// Labels are those of [`macro@counter`].
///
/// ```
/// use pytheus::registry::{REGISTRY, Registry};
/// use pytheus::summary;
///
/// /// Time of a job.
/// #[summary(name = "job_seconds", labels(queue = queue.to_lowercase()))]
/// fn run(queue: &str) {}
///
/// run("Mail");
/// assert_eq!(REGISTRY.sample_value("job_seconds_count", &[("queue", "mail")]), Some(1.0));
/// ```
///
/// # Expands to
///
/// ```text
/// fn run(queue: &str) {
///     static __PYTHEUS_DESCRIPTOR: Descriptor = Declare { kind: Kind::Summary, .. }.build();
///     static __PYTHEUS_DECLARED: Declared = Declared::new::<Summary>(&__PYTHEUS_DESCRIPTOR, Scope::Default, None);
///     submit!(__PYTHEUS_DECLARED);
///
///     let label0 = own_label(&(queue.to_lowercase()));                  // on the stack, if it is short
///     let metric = Summary::labelled(&__PYTHEUS_DECLARED, (label0, ()));
///     let _guard = time(metric);                                       // looks up and observes when it is dropped
///     { .. }                                                           // the body, as it was
/// }
/// ```
#[proc_macro_attribute]
pub fn summary(args: TokenStream, item: TokenStream) -> TokenStream {
    instrument(Kind::Summary, args, item)
}

/// Declares metrics; use it as `pytheus::metric!`.
#[proc_macro]
pub fn metric(tokens: TokenStream) -> TokenStream {
    let Declarations { krate, lacks_prelude, all, mut errors } = Declarations::read(tokens.into());
    let krate = krate.map_or_else(options::default_crate, ToTokens::into_token_stream);
    let statics = all.into_iter().map(|declaration| {
        let declared = check_declaration::declaration(declaration, &krate, &mut errors);
        Static { lacks_prelude, ..declared }.expand()
    });
    let statics: Vec<_> = statics.collect();
    let errors = errors.into_tokens();
    quote::quote!(#(#statics)* #errors).into()
}

/// Derives `LabelValue` for an enum: a closed set of label values.
///
/// Metrics whose labels all have such types are exposed at zero from the first scrape. A variant's value is its name
/// in `snake_case`.
///
/// | on | option | meaning |
/// |---|---|---|
/// | the enum | `rename_all = ".."` | `snake_case`, `lowercase`, `UPPERCASE`, `SCREAMING_SNAKE_CASE`, `kebab-case`, `camelCase` or `PascalCase` |
/// | the enum | `crate = path` | the way to `pytheus`, where it has another name or is re-exported |
/// | a variant | `rename = ".."` | its value |
///
/// ```
/// use pytheus::LabelValue;
///
/// #[derive(LabelValue)]
/// #[label_value(rename_all = "UPPERCASE")]
/// enum Method {
///     Get,
///     #[label_value(rename = "other")]
///     Unknown,
/// }
///
/// assert_eq!(Method::VALUES, Some(&["GET", "other"][..]));
/// assert_eq!(Method::Unknown.as_label(), "other");
/// ```
///
/// # Expands to
///
/// ```text
/// impl ::pytheus::LabelValue for Method {
///     const VALUES: Option<&'static [&'static str]> = Some(&["GET", "other"]);
///
///     fn as_label(&self) -> Cow<'_, str> {
///         Cow::Borrowed(match self { Self::Get => "GET", Self::Unknown => "other" })
///     }
///
///     fn into_label(self) -> Cow<'static, str> { /* the same */ }
///
///     fn place(&self) -> Option<usize> { Some(match self { Self::Get => 0, Self::Unknown => 1 }) }
/// }
/// ```
#[proc_macro_derive(LabelValue, attributes(label_value))]
pub fn label_value(item: TokenStream) -> TokenStream {
    label_value::derive(&syn::parse_macro_input!(item as syn::DeriveInput)).into()
}

/// Derives `LabelSet` for a struct: its fields are the labels of several metrics. The page of the trait has an example.
///
/// Each field is a label of its name, or of that in `#[label(name = "..")]`; its type is a `LabelValue`. The struct may have
/// lifetimes, written `Job<'_>` in `metric!`, and no other parameters. `#[label_set(crate = path)]` names the crate where
/// it is not `pytheus`.
#[proc_macro_derive(LabelSet, attributes(label, label_set))]
pub fn label_set(item: TokenStream) -> TokenStream {
    label_set::derive(&syn::parse_macro_input!(item as syn::DeriveInput)).into()
}

/// Parses, checks and expands an attribute on a function.
fn instrument(kind: Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    let item = item.into();
    let args = proc_macro2::TokenStream::from(args);
    let place = args.clone().into_iter().next().map(|token| token.span());
    let mut errors = Errors::default();
    let expanded = if impl_block::is_impl(&item) {
        instrument_impl(kind, &args, place, item, &mut errors)
    } else {
        let args = Args::read(kind, args, &mut errors);
        let name = kind.name().to_lowercase();
        let function = errors.keep(Function::read(&name, place, proc_macro2::TokenStream::clone(&item)));
        let instrument = function.and_then(|function| check::instrument(kind, args, function, None, &mut errors));
        instrument.map_or_else(|| fallback::unchanged(&item), |instrument| instrument.expand())
    };
    let errors = errors.into_tokens();
    quote::quote!(#expanded #errors).into()
}

/// Parses, checks and expands an attribute on an `impl` block: a mistake in its arguments is shown once.
fn instrument_impl(
    kind: Kind,
    args: &proc_macro2::TokenStream,
    place: Option<proc_macro2::Span>,
    item: proc_macro2::TokenStream,
    errors: &mut Errors,
) -> proc_macro2::TokenStream {
    let block = match ImplBlock::read(place, item.clone()) {
        Ok(block) => block,
        Err(error) => {
            errors.push(error);
            return item;
        }
    };
    drop(Args::read(kind, args.clone(), errors));
    if !errors.is_empty() {
        return block.unchanged();
    }
    let name = kind.name().to_lowercase();
    let expanded = block.expand(|method, tokens| {
        let mut own = Errors::default();
        let args = Args::read(kind, args.clone(), &mut own);
        let function = own.keep(Function::read(&name, None, tokens.clone()));
        let function = function.map(|function| Function { help: block.help.clone(), ..function });
        let instrument = function.and_then(|function| check::instrument(kind, args, function, Some(method), &mut own));
        errors.extend(own);
        instrument.map_or_else(|| fallback::unchanged(tokens), |instrument| instrument.expand())
    });
    if errors.is_empty() { expanded } else { block.unchanged() }
}
