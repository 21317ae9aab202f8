//! Labels named like keywords, methods and types.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::metric;

#[allow(dead_code)]
struct V;

metric! {
    /// Keywords.
    static KEYWORDS: Counter = "keywords_total" { labels: { r#type, r#fn = "x", r#match } };
    /// Methods.
    static METHODS: Gauge = "methods" { labels: { time, set, inc, to_series, clone, labels, value } };
    /// Documented labels.
    pub static DOCUMENTED: Counter = "documented_total" {
        labels: {
            /// How the request was made.
            ///
            /// A word in capitals.
            method,
            /// The answer.
            status: u16 = 200,
            kind: &'static str,
        },
    };
    /// Names that the generated code uses.
    static NAMES: Counter = "names_total" { labels: { label0, L0, V, labelled, self_ = "x", target } };
}

fn main() {
    KEYWORDS.r#type("a").r#match("b").r#fn("c").inc();
    METHODS.label_time(1).label_set(2).label_inc(3).label_to_series(4).label_clone(5).label_labels(6).value(7).set(1.0);
    DOCUMENTED.method("GET").status(404).kind("a").inc();
    NAMES.label0(1).L0(2).V(3).labelled(4).target(5).inc();
}
