//! A library that holds metrics and nothing else.

pytheus::metric! {
    /// Shows only where this crate is linked.
    pub static LINKED: Counter = "linked_total";

    /// In the words of the library.
    pub static SHARED: Counter = "crates_shared_total" { labels: { page } };

    /// Another crate has a gauge of this name.
    pub static DIFFERS: Counter = "crates_differ_total";
}
