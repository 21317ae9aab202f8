//! Running code of the user's whose panic must go no further.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs it; a panic becomes its message.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(message)
}

fn message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(message) => (*message).to_owned(),
            Err(panic) => {
                // A payload whose own drop panics must go no further, either.
                std::mem::forget(panic);
                String::new()
            }
        },
    }
}
