//! The two environment variables.

use std::env;
use std::ffi::OsString;

use crate::backends::single;

/// Names the class.
pub(super) const CLASS: &str = "PYTHEUS_BACKEND_CLASS";
/// Names the JSON file of the configuration.
pub(super) const CONFIG: &str = "PYTHEUS_BACKEND_CONFIG";

/// Tells which of the variables are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvConfig {
    Unset,
    /// A configuration without a class: for a backend that the program has yet to load.
    ConfigOnly,
    Class,
}

pub(crate) fn env_config() -> EnvConfig {
    match (variable(CLASS), variable(CONFIG)) {
        (Some(_), _) => EnvConfig::Class,
        (None, Some(_)) => EnvConfig::ConfigOnly,
        (None, None) => EnvConfig::Unset,
    }
}

/// Whether the variable names the backend of a single process, whose children count on from their parent.
pub(crate) fn names_single_process() -> bool {
    variable(CLASS).is_some_and(|name| single::NAMES.contains(&&*name.to_string_lossy()))
}

pub(super) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
