//! `#[counter]` does what a counter does as a decorator in Python pytheus, on plain and on async functions.
//!
//! `behaviours.tsv` says which upstream test each of these stands for.

#![allow(clippy::float_cmp, reason = "what is counted here is exact")]
#![allow(clippy::unused_async, reason = "the attribute is what is tested, not the body")]

use std::panic::catch_unwind;

use pytheus::{counter, metric};

use crate::block_on::block_on;
use crate::fault::{Fault, raise};

#[test]
fn the_errors_of_a_function_are_counted() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "errors_total";
    }

    #[counter(ERRORS, on = error)]
    fn fails(fault: Option<Fault>) -> Result<(), Fault> {
        fault.map_or(Ok(()), raise)
    }

    assert_eq!(fails(None), Ok(()));
    assert_eq!(ERRORS.get(), 0.0);
    assert_eq!(fails(Some(Fault::Value)), Err(Fault::Value));
    assert_eq!(ERRORS.get(), 1.0);
}

#[test]
fn a_panic_is_counted_when_asked_for() {
    metric! {
        /// Panics.
        static PANICS: Counter = "panics_total";
    }

    #[counter(PANICS, on = error | panicked)]
    fn fails(how: &str) -> Result<(), Fault> {
        assert_ne!(how, "panic");
        Ok(())
    }

    assert_eq!(fails("not at all"), Ok(()));
    assert_eq!(PANICS.get(), 0.0);
    assert!(catch_unwind(|| fails("panic")).is_err());
    assert_eq!(PANICS.get(), 1.0);
}

#[test]
fn the_errors_of_an_async_function_are_counted() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "async_errors_total";
    }

    #[counter(ERRORS, on = error)]
    async fn fails() -> Result<(), Fault> {
        raise(Fault::Value)
    }

    let never_polled = fails();
    drop(never_polled);
    assert_eq!(ERRORS.get(), 0.0);
    assert_eq!(block_on(fails()), Err(Fault::Value));
    assert_eq!(ERRORS.get(), 1.0);
}

#[test]
fn one_counter_counts_the_errors_of_two_functions() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "two_errors_total";
    }

    #[counter(ERRORS, on = error)]
    fn first() -> Result<(), Fault> {
        raise(Fault::Value)
    }

    #[counter(ERRORS, on = error)]
    fn second() -> Result<(), Fault> {
        raise(Fault::Index)
    }

    assert_eq!((first(), second()), (Err(Fault::Value), Err(Fault::Index)));
    assert_eq!(ERRORS.get(), 2.0);
}

#[test]
fn one_counter_counts_the_errors_of_two_async_functions() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "two_async_errors_total";
    }

    #[counter(ERRORS, on = error)]
    async fn first() -> Result<(), Fault> {
        raise(Fault::Value)
    }

    #[counter(ERRORS, on = error)]
    async fn second() -> Result<(), Fault> {
        raise(Fault::Index)
    }

    assert_eq!((block_on(first()), block_on(second())), (Err(Fault::Value), Err(Fault::Index)));
    assert_eq!(ERRORS.get(), 2.0);
}

#[test]
fn the_errors_that_match_a_pattern_are_counted() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "matching_errors_total";
    }

    #[counter(ERRORS, on = Err(Fault::Index | Fault::Value))]
    fn fails() -> Result<(), Fault> {
        raise(Fault::Value)
    }

    assert_eq!(fails(), Err(Fault::Value));
    assert_eq!(ERRORS.get(), 1.0);
}

#[test]
fn the_errors_of_an_async_function_that_match_a_pattern_are_counted() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "matching_async_errors_total";
    }

    #[counter(ERRORS, on = Err(Fault::Index | Fault::Value))]
    async fn fails() -> Result<(), Fault> {
        raise(Fault::Value)
    }

    assert_eq!(block_on(fails()), Err(Fault::Value));
    assert_eq!(ERRORS.get(), 1.0);
}

#[test]
fn the_errors_that_do_not_match_a_pattern_are_not_counted() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "other_errors_total";
    }

    #[counter(ERRORS, on = Err(Fault::Index))]
    fn fails(fault: Fault) -> Result<(), Fault> {
        raise(fault)
    }

    assert_eq!(fails(Fault::Value), Err(Fault::Value));
    assert_eq!(ERRORS.get(), 0.0);
    assert_eq!(fails(Fault::Index), Err(Fault::Index));
    assert_eq!(ERRORS.get(), 1.0);
}

#[test]
fn the_errors_of_an_async_function_that_do_not_match_a_pattern_are_not_counted() {
    metric! {
        /// Errors.
        static ERRORS: Counter = "other_async_errors_total";
    }

    #[counter(ERRORS, on = Err(Fault::Index))]
    async fn fails(fault: Fault) -> Result<(), Fault> {
        raise(fault)
    }

    assert_eq!(block_on(fails(Fault::Value)), Err(Fault::Value));
    assert_eq!(ERRORS.get(), 0.0);
    assert_eq!(block_on(fails(Fault::Index)), Err(Fault::Index));
    assert_eq!(ERRORS.get(), 1.0);
}
