//! Stands in for classes with a configuration in a program without the feature `backend-config`: there is one class, the
//! backend of a single process.

use std::sync::Arc;

use crate::backends::api::{Backend, BackendError};
use crate::backends::config::environment::{CLASS, CONFIG, variable};
use crate::backends::config::load_error::LoadError;
use crate::backends::config::spec::Class;
use crate::backends::config::unavailable::unavailable;
use crate::backends::single::{self, SingleProcessBackend};

/// The configuration that nothing can give.
pub(super) type Value = std::convert::Infallible;

/// The backend of a single process.
pub(super) struct ConfiguredClass;

impl ConfiguredClass {
    pub(super) fn resolve(class: Class, _: Option<Value>) -> Result<Self, LoadError> {
        let needs = "the feature `file` or `redis` of pytheus, or `backend-config` for a backend of your own";
        let name = match class {
            Class::Named(name) => Some(name),
            _ => variable(CLASS).map(|name| name.to_string_lossy().into_owned()),
        };
        match name {
            Some(name) if !single::NAMES.contains(&&*name) => {
                // Any other name may be a secret.
                let what = || format!("a backend by its name, as in {CLASS},");
                Err(unavailable(&name).unwrap_or_else(|| LoadError::Unavailable { what: what(), needs }))
            }
            _ if variable(CONFIG).is_some() => {
                Err(LoadError::Unavailable { what: format!("the configuration of a backend, as in {CONFIG},"), needs })
            }
            _ => Ok(Self),
        }
    }

    #[allow(clippy::unused_self, reason = "as where there are several")]
    pub(super) fn name(&self) -> &'static str {
        single::NAMES[0]
    }

    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "as where there are several")]
    pub(super) fn make(&self) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(Arc::new(SingleProcessBackend))
    }

    #[allow(clippy::unused_self, reason = "as where there are several")]
    pub(super) fn is(&self, _: &Self) -> bool {
        true
    }

    #[allow(clippy::unused_self, reason = "as where there are several")]
    pub(super) fn differing_keys(&self, _: &Self) -> Vec<String> {
        Vec::new()
    }
}

/// Names the backend in an error of its own.
pub(super) fn load_error(class: &str, source: BackendError) -> LoadError {
    LoadError::Backend { class: class.to_owned(), source }
}
