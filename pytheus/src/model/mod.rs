//! Plain facts: names, numbers, label values, descriptors, snapshots, errors. No state, no locks, no I/O.

pub mod descriptor;
pub mod error;
pub(crate) mod escape;
pub(crate) mod key;
pub(crate) mod labels;
pub(crate) mod location;
pub mod name;
pub(crate) mod number;
pub(crate) mod point;
pub(crate) mod process;
pub mod snapshot;
pub(crate) mod text_out;
