//! The help text of a metric is the doc comment of its own attribute.

use pytheus::{counter, counter as also, gauge, histogram, summary};

/// The help text of a metric.
fn help(name: &str) -> String {
    let text = pytheus::generate_metrics().unwrap();
    let start = format!("# HELP {name} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
}

/// Jobs that ran.
#[counter(name = "helped_jobs_total", labels(outcome))]
/// Jobs that failed.
#[counter(name = "job_errors_total", on = error)]
fn run() -> Result<(), ()> {
    Ok(())
}

/// The first of three.
///
/// A second paragraph.
#[counter(name = "three_first_total")]
/// The second,
/// on two lines.
#[gauge(name = "three_second", track_inprogress)]
#[doc = "The third."]
#[histogram(name = "three_third_seconds", labels(outcome))]
/// What no attribute stands under.
async fn three() {}

/// For all.
#[counter(name = "all_first_total")]
#[summary(name = "all_second_seconds")]
#[gauge(name = "all_third", set_to_current_time)]
fn all() {}

/// The nearest above the first two.
#[counter(name = "nearest_first_total")]
#[counter(name = "nearest_second_total")]
/// The nearest above the last two.
#[counter(name = "nearest_third_total")]
#[counter(name = "nearest_fourth_total")]
fn nearest() {}

#[counter(name = "below_total")]
#[inline]
/// Below its attribute.
fn below() {}

/// Not used.
#[counter(name = "given_first_total", help = "Given.")]
/// Used.
#[counter(name = "given_second_total")]
fn given() {}

/// Among others,
#[inline]
/// in two parts.
#[must_use]
#[counter(name = "others_first_total")]
#[allow(clippy::unnecessary_wraps)]
/// Under another attribute.
#[counter(name = "others_second_total")]
fn others() -> Option<u8> {
    None
}

/// Under a condition.
#[cfg_attr(all(), counter(name = "condition_first_total"))]
/// Under a condition and another name.
#[cfg_attr(all(), also(name = "condition_second_total"))]
fn condition() {}

/// On one line.
#[rustfmt::skip]
#[counter(name = "line_first_total")] /** On the same line. */ #[counter(name = "line_second_total")] fn line() {}

/// Describes functions from within a macro.
macro_rules! described {
    ($(#[$doc:meta])* $name:ident, $first:literal, $second:literal) => {
        $(#[$doc])*
        #[counter(name = $first)]
        /// From the macro.
        #[counter(name = $second)]
        fn $name() {}
    };
}

described! {
    /// From outside.
    from_macro, "macro_first_total", "macro_second_total"
}

struct Worker;

impl Worker {
    /// Of a method.
    #[counter(name = "method_first_total")]
    /// Of the same method.
    #[counter(name = "method_second_total", on = error)]
    fn method(&self) -> Result<&Self, ()> {
        Ok(self)
    }
}

#[test]
fn each_stacked_attribute_has_the_text_above_it() {
    run().unwrap();
    assert_eq!(help("helped_jobs_total"), "Jobs that ran.");
    assert_eq!(help("job_errors_total"), "Jobs that failed.");
    drop(three());
    assert_eq!(help("three_first_total"), "The first of three.");
    assert_eq!(help("three_second"), "The second, on two lines.");
    assert_eq!(help("three_third_seconds"), "The third.");
    let _ = Worker.method();
    assert_eq!(help("method_first_total"), "Of a method.");
    assert_eq!(help("method_second_total"), "Of the same method.");
}

#[test]
fn an_attribute_without_a_text_of_its_own_has_the_nearest_above() {
    all();
    for name in ["all_first_total", "all_second_seconds", "all_third"] {
        assert_eq!(help(name), "For all.");
    }
    nearest();
    assert_eq!(help("nearest_first_total"), "The nearest above the first two.");
    assert_eq!(help("nearest_second_total"), "The nearest above the first two.");
    assert_eq!(help("nearest_third_total"), "The nearest above the last two.");
    assert_eq!(help("nearest_fourth_total"), "The nearest above the last two.");
}

#[test]
fn a_text_below_the_attribute_is_used_when_none_stands_above() {
    below();
    assert_eq!(help("below_total"), "Below its attribute.");
}

#[test]
fn the_option_help_comes_before_a_comment() {
    given();
    assert_eq!(help("given_first_total"), "Given.");
    assert_eq!(help("given_second_total"), "Used.");
}

#[test]
fn attributes_of_others_conditions_and_macros_may_stand_between() {
    let _ = others();
    assert_eq!(help("others_first_total"), "Among others, in two parts.");
    assert_eq!(help("others_second_total"), "Under another attribute.");
    condition();
    assert_eq!(help("condition_first_total"), "Under a condition.");
    assert_eq!(help("condition_second_total"), "Under a condition and another name.");
    line();
    assert_eq!(help("line_first_total"), "On one line.");
    assert_eq!(help("line_second_total"), "On the same line.");
    from_macro();
    assert_eq!(help("macro_first_total"), "From outside.");
    assert_eq!(help("macro_second_total"), "From the macro.");
}
