//! The description of a backend to load.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use crate::backends::api::Backend;
#[cfg(feature = "backend-config")]
use crate::backends::config::class::{BackendClass, Configure};
use crate::backends::config::configured::Value;
use crate::backends::config::load_error::LoadedBy;

/// Describes the backend that [`load_backend`](crate::backends::load_backend) loads: a class and a configuration, each given
/// by the program, else by the environment.
///
/// `PYTHEUS_BACKEND_CLASS` is a name such as `file`, `PYTHEUS_BACKEND_CONFIG` the path of a JSON file in UTF-8, with or
/// without a byte order mark. An empty variable counts as unset. The default class is
/// [`SingleProcessBackend`](crate::backends::SingleProcessBackend), the default configuration has no keys.
///
/// A relative path starts at the working directory of each process. Paths with `~` or `$HOME` are refused, as nothing
/// replaces these. Errors show neither the text of a variable that names no class or file, nor a value of the file: it may
/// be a password in the wrong place.
///
/// Reading the environment, and configurations, need the feature `file` or `redis`, or `backend-config` for a backend of
/// your own; without one, a set variable is [`LoadError::Unavailable`](crate::backends::LoadError::Unavailable).
///
/// ```
/// # #[cfg(feature = "backend-config")] {
/// use pytheus::backends::{BackendSpec, SingleProcessBackend, json};
///
/// // Both from the environment; the class alone; the configuration alone.
/// let spec = BackendSpec::from_env();
/// let spec = BackendSpec::of::<SingleProcessBackend>();
/// let spec = BackendSpec::from_env().with_config(json!({"directory": "/run/shop"}));
/// // Both from the program, the class by its name.
/// let spec = BackendSpec::named("file").with_config(json!({"directory": "/run/shop"}));
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "nothing is loaded before `load_backend`"]
pub struct BackendSpec {
    pub(super) class: Class,
    pub(super) config: Option<Value>,
}

#[derive(Clone, Default)]
pub(super) enum Class {
    #[default]
    Environment,
    #[cfg(feature = "backend-config")]
    Known(BackendClass),
    Named(String),
    Instance(&'static str, Arc<dyn Backend>),
}

impl BackendSpec {
    /// Takes class and configuration from the environment.
    pub fn from_env() -> Self {
        Self::default()
    }

    /// Takes the class of this type.
    #[cfg(feature = "backend-config")]
    pub fn of<B: Configure>() -> Self {
        Self { class: Class::Known(BackendClass::of::<B>()), config: None }
    }

    /// Takes the class of this name, as in `PYTHEUS_BACKEND_CLASS`.
    pub fn named(name: impl Into<String>) -> Self {
        Self { class: Class::Named(name.into()), config: None }
    }

    /// Takes this instance, which needs no configuration: that of the environment is ignored.
    pub fn instance<B: Backend>(backend: Arc<B>) -> Self {
        Self { class: Class::Instance(type_name::<B>(), backend), config: None }
    }

    /// Sets the configuration, in place of the environment's: an object, as [`json!`](crate::backends::json) makes it.
    #[cfg(feature = "backend-config")]
    pub fn with_config(mut self, config: impl Into<Value>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// Returns where the class comes from.
    pub(crate) fn loaded_by(&self) -> LoadedBy {
        match self.class {
            Class::Environment => LoadedBy::Environment,
            _ => LoadedBy::Program,
        }
    }
}

impl fmt::Debug for BackendSpec {
    /// Leaves out the configuration, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match &self.class {
            Class::Environment => "as the environment says",
            #[cfg(feature = "backend-config")]
            Class::Known(class) => class.name(),
            // The name may be a secret in the wrong place.
            Class::Named(_) => "by its name",
            Class::Instance(type_name, _) => type_name,
        };
        f.debug_struct("BackendSpec")
            .field("class", &class)
            .field("config", &self.config.as_ref().map(|_| ".."))
            .finish()
    }
}
