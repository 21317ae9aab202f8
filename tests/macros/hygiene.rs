//! The macros keep out of the way: order, drops, moves and names are those of the function as it was written.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pytheus::registry::{REGISTRY, Registry};
use pytheus::{counter, gauge, histogram};

thread_local! {
    static LOG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn log(event: &'static str) -> &'static str {
    LOG.with_borrow_mut(|log| log.push(event));
    event
}

fn logged() -> Vec<&'static str> {
    LOG.take()
}

fn value(name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    REGISTRY.sample_value(name, labels)
}

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        log(self.0);
    }
}

#[counter(name = "simple_order_total", help = "Calls.", labels(z = log("z"), a = log("a")))]
fn in_order(_: &Noisy) {
    log("body");
}

#[counter(name = "full_order_total", help = "Calls.", labels(z = log("z"), after = log(ret), a = log("a"), outcome))]
fn in_order_with_the_end(_: &Noisy) -> &'static str {
    let _local = Noisy("local dropped");
    log("body");
    "ret"
}

#[histogram(name = "arguments_seconds", help = "Calls.", labels(name = argument.0))]
#[allow(clippy::needless_pass_by_value, reason = "that it is kept is the point")]
fn keeps_arguments(argument: Noisy) -> usize {
    log("body");
    argument.0.len()
}

#[gauge(name = "panics_in_progress", help = "Calls.", track_inprogress)]
#[counter(name = "panics_total", help = "Calls.", labels(length = ret.len(), outcome))]
fn panics(argument: &str) -> String {
    assert!(argument.is_empty(), "{argument}");
    argument.to_owned()
}

#[counter(name = "names_total", help = "Calls.", labels(call, outcome, later = ret.0 + ret.1))]
fn uses_the_same_names(call: u8, label0: u8, metric: u8, outcome: u8) -> (u8, u8) {
    let ret = call + label0;
    let counts = metric + outcome;
    (ret, counts)
}

#[counter(name = "recursion_total", help = "Calls.", labels(outcome))]
fn recursion(depth: u8) -> Result<u8, u8> {
    if depth == 0 {
        return Err(0);
    }
    recursion(depth - 1).or(Ok(depth))
}

#[test]
fn labels_are_evaluated_in_the_order_that_they_are_written_before_the_body() {
    in_order(&Noisy("argument dropped"));
    assert_eq!(logged(), ["z", "a", "body", "argument dropped"]);
}

#[test]
fn labels_of_the_returned_value_are_evaluated_when_the_body_is_gone() {
    in_order_with_the_end(&Noisy("argument dropped"));
    assert_eq!(logged(), ["z", "a", "body", "local dropped", "ret", "argument dropped"]);
    let labels = [("z", "z"), ("a", "a"), ("after", "ret"), ("outcome", "ok")];
    assert_eq!(value("full_order_total", &labels), Some(1.0));
}

#[test]
fn an_argument_is_moved_into_the_function_and_dropped_with_it() {
    assert_eq!(keeps_arguments(Noisy("gone")), 4);
    assert_eq!(logged(), ["body", "gone"]);
}

#[test]
fn a_panic_passes_through_and_leaves_the_returned_label_empty() {
    let panic = catch_unwind(AssertUnwindSafe(|| panics("oh no"))).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("oh no"));
    assert_eq!(value("panics_total", &[("length", ""), ("outcome", "panicked")]), Some(1.0));
    assert_eq!(value("panics_in_progress", &[]), Some(0.0));
    assert_eq!(panics(""), "");
    assert_eq!(value("panics_total", &[("length", "0"), ("outcome", "ok")]), Some(1.0));
}

#[test]
fn names_of_the_function_mean_what_they_meant() {
    assert_eq!(uses_the_same_names(1, 2, 3, 4), (3, 7));
    assert_eq!(value("names_total", &[("call", "1"), ("outcome", "ok"), ("later", "10")]), Some(1.0));
}

#[test]
fn a_recursive_function_counts_each_of_its_calls() {
    assert_eq!(recursion(2), Ok(1));
    assert_eq!(value("recursion_total", &[("outcome", "ok")]), Some(2.0));
    assert_eq!(value("recursion_total", &[("outcome", "error")]), Some(1.0));
}
