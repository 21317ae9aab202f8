//! A resolved description of a backend: ready to be made, and to be compared with what is loaded.

use std::sync::Arc;

use crate::backends::api::{Backend, BackendError};
use crate::backends::config::configured::{self, ConfiguredClass};
use crate::backends::config::load_error::{LoadError, LoadedBy};
use crate::backends::config::spec::{BackendSpec, Class};
use crate::sync::catch_panic;

pub(crate) struct LoadPlan {
    /// The name, for messages.
    class: String,
    source: Source,
}

enum Source {
    Class(ConfiguredClass),
    Instance(Arc<dyn Backend>),
}

impl LoadPlan {
    /// Resolves class and configuration; runs no code of the backend.
    pub(crate) fn resolve(spec: BackendSpec) -> Result<Self, LoadError> {
        match spec.class {
            Class::Instance(name, _) if spec.config.is_some() => {
                Err(LoadError::InstanceWithConfig { class: name.to_owned() })
            }
            Class::Instance(name, backend) => Ok(Self { class: name.to_owned(), source: Source::Instance(backend) }),
            class => {
                let class = ConfiguredClass::resolve(class, spec.config)?;
                Ok(Self { class: class.name().to_owned(), source: Source::Class(class) })
            }
        }
    }

    /// Makes the backend: runs its own code.
    pub(crate) fn make(&self) -> Result<Arc<dyn Backend>, LoadError> {
        match &self.source {
            Source::Instance(backend) => Ok(Arc::clone(backend)),
            Source::Class(class) => self.run(|| class.make()),
        }
    }

    /// Runs code of the backend, and names the backend in its error.
    pub(crate) fn run<T>(&self, code: impl FnOnce() -> Result<T, BackendError>) -> Result<T, LoadError> {
        let outcome = catch_panic(code).unwrap_or_else(|message| Err(format!("it panicked: {message}").into()));
        outcome.map_err(|error| configured::load_error(&self.class, error))
    }

    /// Whether both describe the same backend with the same configuration.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (Source::Class(one), Source::Class(other)) => one.is(other),
            (Source::Instance(one), Source::Instance(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Returns the error for a plan other than the loaded one.
    pub(crate) fn conflict(&self, loaded: &Self, by: LoadedBy) -> LoadError {
        let differing = match (&self.source, &loaded.source) {
            (Source::Class(one), Source::Class(loaded)) => one.differing_keys(loaded),
            _ => Vec::new(),
        };
        LoadError::Loaded { class: self.class.clone(), loaded: loaded.class.clone(), by, differing }
    }
}
