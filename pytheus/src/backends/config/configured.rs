//! A class together with its configuration.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::Map;
pub(super) use serde_json::Value;

use crate::backends::api::{Backend, BackendError};
use crate::backends::config::class::BackendClass;
use crate::backends::config::environment::{CLASS, CONFIG, variable};
use crate::backends::config::error::{ConfigError, Origin};
use crate::backends::config::load_error::LoadError;
use crate::backends::config::shape::{existing, shape};
use crate::backends::config::spec::Class;
use crate::backends::config::values::Config;
use crate::backends::single::SingleProcessBackend;

pub(super) struct ConfiguredClass {
    class: BackendClass,
    origin: Origin,
    config: Map<String, Value>,
    /// The keys that the backend reads, known once it was made.
    known_keys: OnceLock<Vec<String>>,
}

impl ConfiguredClass {
    /// Finds class and configuration; runs no code of the backend.
    pub(super) fn resolve(class: Class, config: Option<Value>) -> Result<Self, LoadError> {
        let class = match class {
            Class::Known(class) => class,
            Class::Named(name) => BackendClass::named(&name)?,
            Class::Environment | Class::Instance(..) => match variable(CLASS) {
                Some(name) => BackendClass::named(&name.to_string_lossy())?,
                None => BackendClass::of::<SingleProcessBackend>(),
            },
        };
        let (origin, values) = match (config, variable(CONFIG)) {
            (Some(values), _) => (Origin::Program, values),
            (None, Some(path)) => read(path.into())?,
            (None, None) => (Origin::Nowhere, Value::Null),
        };
        let config = Config::from_values(origin.clone(), values).map(|config| config.values().clone());
        let config = config.map_err(|source| LoadError::Config { class: class.name().to_owned(), source })?;
        Ok(Self { class, origin, config, known_keys: OnceLock::new() })
    }

    pub(super) fn name(&self) -> &'static str {
        self.class.name()
    }

    pub(super) fn make(&self) -> Result<Arc<dyn Backend>, BackendError> {
        let mut config = Config::from_values(self.origin.clone(), Value::Object(self.config.clone()))?;
        let backend = self.class.make(&mut config)?;
        config.finish()?;
        let _ = self.known_keys.set(config.known_keys().map(str::to_owned).collect());
        Ok(backend)
    }

    /// Whether class and configuration are the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.class.id() == other.class.id() && self.config == other.config
    }

    /// Returns the keys in which the configuration differs from that of a loaded backend of the same class.
    pub(super) fn differing_keys(&self, loaded: &Self) -> Vec<String> {
        if self.class.id() != loaded.class.id() {
            return Vec::new();
        }
        let keys = self.config.keys().chain(loaded.config.keys());
        let differ = keys.filter(|key| self.config.get(*key) != loaded.config.get(*key));
        let is_known = |key: &String| loaded.known_keys.get().is_some_and(|known| known.contains(key));
        // An unknown key may be a secret.
        let shown = differ.map(|key| if is_known(key) { key } else { "a key that is not known" });
        let mut keys: Vec<_> = shown.map(str::to_owned).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// Names the backend in an error of its own.
pub(super) fn load_error(class: &str, error: BackendError) -> LoadError {
    let class = class.to_owned();
    match error.downcast::<ConfigError>() {
        Ok(source) => LoadError::Config { class, source: *source },
        Err(source) => LoadError::Backend { class, source },
    }
}

fn read(path: PathBuf) -> Result<(Origin, Value), LoadError> {
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(source) if path.symlink_metadata().is_err() => {
            let (shape, existing) = (shape(&path.to_string_lossy()), existing(&path).to_owned());
            return Err(LoadError::NoConfig { shape, existing, source });
        }
        Err(source) => return Err(LoadError::Unreadable { path, source }),
    };
    // Some editors write a byte order mark before the text.
    let found = match &text[..] {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{', ..] | [b'{', 0, ..] => "UTF-16",
        text if str::from_utf8(text).is_err() => "not UTF-8",
        text => {
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            return match serde_json::from_slice(text) {
                Ok(values) => Ok((Origin::File(path), values)),
                Err(error) => Err(LoadError::Json { path, source: error.into() }),
            };
        }
    };
    Err(LoadError::Encoding { path, found })
}
