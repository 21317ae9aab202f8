//! What is to be loaded: as the program says, else as the environment does.

use std::any::{TypeId, type_name};
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::backends::api::{Backend, BackendError};
use crate::backends::config::class::{BackendClass, Configure};
use crate::backends::config::error::{ConfigError, Origin};
use crate::backends::config::load_error::{LoadError, LoadedBy};
use crate::backends::config::shape::{existing, shape};
use crate::backends::config::values::Config;
use crate::backends::single::SingleProcessBackend;
use crate::sync::catch_panic;

/// The environment's variable for the class.
const CLASS: &str = "PYTHEUS_BACKEND_CLASS";
/// The environment's variable for the configuration: the path of a JSON file.
const CONFIG: &str = "PYTHEUS_BACKEND_CONFIG";

/// What [`load_backend`] is to load: a class and a configuration, each as the program says, else as the environment does.
///
/// `PYTHEUS_BACKEND_CLASS` is a name such as `file`, `PYTHEUS_BACKEND_CONFIG` the path of a JSON file in UTF-8, with or
/// without a byte order mark. Neither `~` nor `$HOME` is replaced in a path: such paths are refused. A relative path leads
/// from the working directory of each process. Errors show neither a variable that names no class or file, nor a value of
/// the file: it may be a password in the wrong place. A variable that is empty is as good as none. Without a class it is [`SingleProcessBackend`], without a configuration one that has no keys.
///
/// ```
/// use pytheus::backends::{BackendSpec, SingleProcessBackend, json};
///
/// // Both from the environment; the class alone; the configuration alone.
/// let spec = BackendSpec::from_env();
/// let spec = BackendSpec::of::<SingleProcessBackend>();
/// let spec = BackendSpec::from_env().with_config(json!({"directory": "/run/shop"}));
/// // Both from the program, the class by its name.
/// let spec = BackendSpec::named("file").with_config(json!({"directory": "/run/shop"}));
/// ```
#[derive(Clone, Default)]
#[must_use = "nothing is loaded before `load_backend`"]
pub struct BackendSpec {
    class: Class,
    config: Option<Value>,
}

#[derive(Clone, Default)]
enum Class {
    #[default]
    Environment,
    Known(BackendClass),
    Named(String),
    Ready(&'static str, Arc<dyn Backend>),
}

impl BackendSpec {
    /// Both parts from the environment.
    pub fn from_env() -> Self {
        Self::default()
    }

    /// This class.
    pub fn of<B: Configure>() -> Self {
        Self { class: Class::Known(BackendClass::of::<B>()), config: None }
    }

    /// The class of this name, as in `PYTHEUS_BACKEND_CLASS`.
    pub fn named(name: impl Into<String>) -> Self {
        Self { class: Class::Named(name.into()), config: None }
    }

    /// One that is ready. It takes no configuration, that of the environment neither.
    pub fn instance<B: Backend>(backend: Arc<B>) -> Self {
        Self { class: Class::Ready(type_name::<B>(), backend), config: None }
    }

    /// This configuration, in place of the environment's: an object, as [`json!`](crate::backends::json) makes it.
    pub fn with_config(mut self, config: impl Into<Value>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// What asks for it: where the class comes from.
    pub(crate) fn by(&self) -> LoadedBy {
        match self.class {
            Class::Environment => LoadedBy::Environment,
            _ => LoadedBy::Program,
        }
    }
}

impl fmt::Debug for BackendSpec {
    /// Without the configuration, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match &self.class {
            Class::Environment => "as the environment says",
            Class::Known(class) => class.name(),
            // It may be a secret that is in the wrong place.
            Class::Named(_) => "by its name",
            Class::Ready(type_name, _) => type_name,
        };
        f.debug_struct("BackendSpec")
            .field("class", &class)
            .field("config", &self.config.as_ref().map(|_| ".."))
            .finish()
    }
}

/// What the environment says about the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    ConfigAlone,
    Class,
}

pub(crate) fn said() -> Said {
    match (variable(CLASS), variable(CONFIG)) {
        (Some(_), _) => Said::Class,
        (None, Some(_)) => Said::ConfigAlone,
        (None, None) => Said::Nothing,
    }
}

/// Whether the class is the one of a single process, which counts on in children.
pub(crate) fn is_single() -> bool {
    let class = variable(CLASS).and_then(|name| BackendClass::named(&name.to_string_lossy()).ok());
    class.is_some_and(|class| class.id() == TypeId::of::<SingleProcessBackend>())
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// What a load comes to.
pub(crate) struct Plan {
    /// The name, for people.
    pub(crate) class: String,
    pub(crate) config: Map<String, Value>,
    /// The keys that the backend has, once it was made.
    known: OnceLock<Vec<String>>,
    way: Way,
}

enum Way {
    Make(BackendClass, Origin),
    Ready(Arc<dyn Backend>),
}

impl Plan {
    /// Settles class and configuration; runs nothing of either.
    pub(crate) fn of(spec: BackendSpec) -> Result<Self, LoadError> {
        let class = match spec.class {
            Class::Ready(type_name, _) if spec.config.is_some() => {
                return Err(LoadError::Ready { class: type_name.to_owned() });
            }
            Class::Ready(type_name, backend) => {
                return Ok(Self {
                    class: type_name.to_owned(),
                    config: Map::new(),
                    known: OnceLock::new(),
                    way: Way::Ready(backend),
                });
            }
            Class::Known(class) => class,
            Class::Named(name) => BackendClass::named(&name)?,
            Class::Environment => match variable(CLASS) {
                Some(name) => BackendClass::named(&name.to_string_lossy())?,
                None => BackendClass::of::<SingleProcessBackend>(),
            },
        };
        let (origin, values) = match (spec.config, variable(CONFIG)) {
            (Some(values), _) => (Origin::Program, values),
            (None, Some(path)) => read(path.into())?,
            (None, None) => (Origin::Nowhere, Value::Null),
        };
        let name = class.name().to_owned();
        match Config::of(origin.clone(), values) {
            Ok(config) => {
                let (config, known) = (config.values().clone(), OnceLock::new());
                Ok(Self { class: name, config, known, way: Way::Make(class, origin) })
            }
            Err(source) => Err(LoadError::Config { class: name, source }),
        }
    }

    /// Makes the backend: runs its own code.
    pub(crate) fn make(&self) -> Result<Arc<dyn Backend>, LoadError> {
        match &self.way {
            Way::Ready(backend) => Ok(Arc::clone(backend)),
            Way::Make(class, origin) => {
                let made = catch_panic(|| {
                    let mut config = Config::of(origin.clone(), Value::Object(self.config.clone()))?;
                    let backend = class.make(&mut config)?;
                    config.finish()?;
                    let _ = self.known.set(config.known().map(str::to_owned).collect());
                    Ok(backend)
                });
                made.unwrap_or_else(|message| Err(format!("it panicked: {message}").into()))
                    .map_err(|error| self.failed(error))
            }
        }
    }

    pub(crate) fn failed(&self, error: BackendError) -> LoadError {
        match error.downcast::<ConfigError>() {
            Ok(source) => LoadError::Config { class: self.class.clone(), source: *source },
            Err(source) => LoadError::Backend { class: self.class.clone(), source },
        }
    }

    /// Whether the backend has this key, as far as is known.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        self.known.get().is_some_and(|known| known.iter().any(|known| known == key))
    }

    /// Whether it comes to the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.is_of_the_class_of(other) && self.config == other.config
    }

    pub(crate) fn is_of_the_class_of(&self, other: &Self) -> bool {
        match (&self.way, &other.way) {
            (Way::Make(one, _), Way::Make(other, _)) => one.id() == other.id(),
            (Way::Ready(one), Way::Ready(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
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
    // A byte order mark, as some editors write it, is no part of the text.
    let found = match &text[..] {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{', ..] | [b'{', 0, ..] => "UTF-16",
        text if str::from_utf8(text).is_err() => "not UTF-8",
        text => {
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            return match serde_json::from_slice(text) {
                Ok(values) => Ok((Origin::File(path), values)),
                Err(source) => Err(LoadError::Json { path, source }),
            };
        }
    };
    Err(LoadError::Encoding { path, found })
}
