//! The description of a backend: its class, by type or name, and its configuration, from the program or the environment.

#[cfg(feature = "backend-config")]
mod class;
#[cfg_attr(not(feature = "backend-config"), path = "unconfigured.rs")]
mod configured;
mod environment;
#[cfg(feature = "backend-config")]
mod error;
mod load_error;
mod plan;
#[cfg(feature = "backend-config")]
pub(super) mod shape;
mod spec;
#[cfg(feature = "backend-config")]
mod suggest;
mod unavailable;
#[cfg(feature = "backend-config")]
mod values;

#[cfg(feature = "backend-config")]
pub use class::{BackendClass, Configure};
pub(super) use environment::{EnvConfig, env_config, names_single_process};
#[cfg(feature = "backend-config")]
pub use error::ConfigError;
pub use load_error::{LoadError, LoadedBy};
pub(crate) use plan::LoadPlan;
pub use spec::BackendSpec;
#[cfg(feature = "backend-config")]
pub use values::{Config, Secret};
