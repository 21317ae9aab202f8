//! Contains panics of the user's code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the closure, and turns a panic into its message.
pub(crate) fn catch_panic<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(message)
}

fn message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(message) => (*message).to_owned(),
            Err(panic) => {
                // The destructor of a payload may panic again.
                std::mem::forget(panic);
                String::new()
            }
        },
    }
}
