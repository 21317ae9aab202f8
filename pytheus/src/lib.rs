//! Prometheus instrumentation driven by macros.

pub mod collector;
pub mod descriptor;
pub mod diagnostics;
pub mod error;
pub mod exposition;
pub mod metrics;
pub mod registry;
pub mod snapshot;
pub mod testing;

mod backends;
mod labels;
mod location;
mod name;
mod number;
mod storage;

#[doc(hidden)]
pub mod __private;

pub use labels::{LabelSpec, LabelValue, LabelValues, Labels};
pub use pytheus_macros::{LabelValue, counter, gauge, histogram, summary};

/// Declares one or many metrics as statics.
#[macro_export]
macro_rules! metric {
    ($($declarations:tt)*) => {
        $crate::__private::metric! { crate = $crate; $($declarations)* }
    };
}
