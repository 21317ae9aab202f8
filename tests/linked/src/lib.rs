//! A library that holds a metric and nothing else.

pytheus::metric! {
    /// Shows only where this crate is linked.
    pub static LINKED: Counter = "linked_total";
}
