//! Help for your own tests.
//!
//! [`Registry::sample_value`] reads a sample; [`assert_metric!`] checks what a
//! block of code changes. Declared metrics live as long as the process, and tests of one file share it: check changes,
//! not totals, or use a label value of the test's own.
//!
//! [`assert_metric!`]: crate::assert_metric

use crate::registry::Registry;

/// Checks that a block changes a sample by an amount, and gives the block's value.
///
/// A sample that does not exist counts as zero. `in registry` looks elsewhere than in
/// [`REGISTRY`](crate::registry::REGISTRY). The block may `.await`.
///
/// ```
/// use pytheus::assert_metric;
///
/// pytheus::metric! {
///     /// Orders.
///     static ORDERS: Counter = "orders_total" { labels: { kind } };
/// }
///
/// let order = assert_metric!("orders_total" { kind = "book" } += 1, {
///     ORDERS.kind("book").inc();
///     "order 7"
/// });
/// assert_eq!(order, "order 7");
/// assert_metric!("orders_total" { kind = "toy" } += 0, { ORDERS.kind("book").inc() });
/// ```
///
/// # Panics
///
/// When the sample changed by another amount; the message has the value before and after.
#[macro_export]
macro_rules! assert_metric {
    (in $registry:expr, $name:literal $({ $($label:ident = $value:expr),* $(,)? })? += $change:expr, $block:block) => {{
        let registry: &dyn $crate::registry::Registry = &$registry;
        let name = $name;
        let labels: &[(&str, &str)] = &[$($(($crate::testing::label(stringify!($label)), $value)),*)?];
        let before = $crate::testing::value_or_zero(registry, name, labels);
        let result = $block;
        let after = $crate::testing::value_or_zero(registry, name, labels);
        $crate::testing::check_change(name, labels, before, after, $change as f64);
        result
    }};
    ($name:literal $({ $($label:ident = $value:expr),* $(,)? })? += $change:expr, $block:block) => {
        $crate::assert_metric!(in $crate::registry::REGISTRY, $name $({ $($label = $value),* })? += $change, $block)
    };
}

/// The name of a label, without the mark of a keyword: `r#type` is `type`.
#[doc(hidden)]
pub fn label(ident: &'static str) -> &'static str {
    ident.strip_prefix("r#").unwrap_or(ident)
}

#[doc(hidden)]
pub fn value_or_zero(registry: &dyn Registry, name: &str, labels: &[(&str, &str)]) -> f64 {
    registry.sample_value(name, labels).unwrap_or(0.0)
}

#[doc(hidden)]
#[track_caller]
pub fn check_change(name: &str, labels: &[(&str, &str)], before: f64, after: f64, expected: f64) {
    let change = after - before;
    // What was added up in another order may differ in the last digits.
    let tolerance = f64::EPSILON * before.abs().max(after.abs()).max(1.0) * 4.0;
    assert!(
        (change - expected).abs() <= tolerance,
        "`{name}` {labels:?} should change by {expected}, but went from {before} to {after}"
    );
}
