//! Guards around a call or a future, written by hand and by attributes.

mod attributes;
mod attributes_async;
mod drops;
mod future;
mod sync;
mod threads;
