// The name of a label is a word that can name no method, raw or not.
fn main() {}

use pytheus::metric;

metric! {
    /// Jobs.
    static A: Counter = "a_total" { labels: { crate, super, Self } };
    /// Jobs.
    static B: Counter = "b_total" { labels: { r#self, r#super, r#crate } };
    /// Jobs.
    static C: Counter = "c_total" { labels: { _ } };
}
