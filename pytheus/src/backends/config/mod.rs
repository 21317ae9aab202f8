//! Which backend is to be loaded, and with which configuration.

mod class;
mod error;
mod load_error;
pub(super) mod shape;
mod spec;
mod suggest;
mod values;

pub use class::{BackendClass, Configure};
pub use error::ConfigError;
pub use load_error::{LoadError, LoadedBy};
pub use spec::BackendSpec;
pub(super) use spec::{Plan, Said, is_single, said};
pub use values::{Config, Secret};
