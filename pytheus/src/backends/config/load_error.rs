//! Why a backend is not loaded.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::backends::api::BackendError;
#[cfg(feature = "backend-config")]
use crate::backends::config::error::ConfigError;
#[cfg(feature = "backend-config")]
use crate::backends::single;

/// Why a backend is not loaded. Things are as they were before; it may be tried again.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// No backend of the program has this name.
    UnknownClass {
        /// The name, as given in the program or in `PYTHEUS_BACKEND_CLASS`; none where it is close to none of those that
        /// are there, as it may be a secret then.
        name: Option<String>,
        /// The form of the name, as in "is like a URL".
        shape: &'static str,
        /// The names of those that are there.
        known: Vec<String>,
        /// The one that may be meant.
        suggestion: Option<String>,
    },
    /// The program is built without this backend, or without reading the configuration of one.
    Unavailable {
        /// The missing part, for messages.
        what: String,
        /// The feature of this library, or the system, that the part needs.
        needs: &'static str,
    },
    /// Several backends of the program have this name.
    Ambiguous {
        /// The name.
        name: String,
        /// Their types.
        types: Vec<String>,
    },
    /// `PYTHEUS_BACKEND_CONFIG` names no file.
    NoConfig {
        /// The form of its value, as in "is like a URL". The value itself is not shown, as it may have a secret in it.
        shape: &'static str,
        /// The part of the path that is there.
        existing: PathBuf,
        /// Why the rest can't be found.
        source: io::Error,
    },
    /// The file that `PYTHEUS_BACKEND_CONFIG` names is not in UTF-8.
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encoding that it is in, as far as can be seen.
        found: &'static str,
    },
    /// The file that `PYTHEUS_BACKEND_CONFIG` names can't be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file that `PYTHEUS_BACKEND_CONFIG` names holds no JSON.
    Json {
        /// The file.
        path: PathBuf,
        /// The fault, with line and column.
        source: BackendError,
    },
    /// The configuration is not one for this backend.
    #[cfg(feature = "backend-config")]
    Config {
        /// The name of the backend.
        class: String,
        /// The fault.
        source: ConfigError,
    },
    /// A configuration was given together with a backend that is ready.
    InstanceWithConfig {
        /// Its type.
        class: String,
    },
    /// The backend could not be made, or taken into use.
    Backend {
        /// Its name.
        class: String,
        /// Why.
        source: BackendError,
    },
    /// Another one is loaded, and stays: a process has one for its life.
    Loaded {
        /// The one that was to be loaded.
        class: String,
        /// The one that is.
        loaded: String,
        /// The origin of the loaded backend.
        by: LoadedBy,
        /// If it is the same class, the keys in which the configurations differ.
        differing: Vec<String>,
    },
    /// The backend is not loaded yet: a load is under way that waits for something, such as a lock or a server.
    Pending {
        /// How long it was waited for.
        waited: Duration,
        /// Why the try before has failed, if there was one.
        last: Option<Arc<LoadError>>,
    },
    /// A backend loads one while it is made itself.
    Reentrant,
}

impl LoadError {
    /// Whether what the program, the environment or the configuration says is wrong, so that nothing but a change of it
    /// helps.
    pub(crate) fn is_mistake(&self) -> bool {
        match self {
            Self::UnknownClass { .. }
            | Self::Unavailable { .. }
            | Self::Ambiguous { .. }
            | Self::Json { .. }
            | Self::Encoding { .. }
            | Self::InstanceWithConfig { .. } => true,
            #[cfg(feature = "backend-config")]
            Self::Config { .. } => true,
            Self::NoConfig { .. }
            | Self::Unreadable { .. }
            | Self::Backend { .. }
            | Self::Loaded { .. }
            | Self::Pending { .. }
            | Self::Reentrant => false,
        }
    }
}

/// The origin of the backend in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadedBy {
    /// `load_backend()`, the class being given in the program.
    Program,
    /// `load_backend()`, as `PYTHEUS_BACKEND_CLASS` said, or neither.
    Environment,
    /// The first use of a metric, or the first scrape, as the environment said.
    FirstUse,
}

impl fmt::Display for LoadedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program => "by load_backend(), as the program says",
            Self::Environment => "by load_backend(), as the environment says",
            Self::FirstUse => {
                "at the first use of a metric, as PYTHEUS_BACKEND_CLASS and PYTHEUS_BACKEND_CONFIG say; call \
                 load_backend() before that to load another one"
            }
        })
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownClass { name, shape, known, suggestion } => {
                match name {
                    Some(name) => write!(f, "there is no backend `{}`", name.escape_debug())?,
                    None => {
                        write!(f, "there is no backend of the name that is given, which {shape}, and is not shown")?;
                    }
                }
                if let Some(suggestion) = suggestion {
                    write!(f, "; did you mean `{suggestion}`?")?;
                }
                write!(
                    f,
                    " (see PYTHEUS_BACKEND_CLASS; this program has `{}`, and those of your own that are registered with \
                     pytheus::register_backend! in a crate that it names)",
                    known.join("`, `")
                )
            }
            Self::Unavailable { what, needs } => write!(f, "{what} is not part of this program: it needs {needs}"),
            Self::Ambiguous { name, types } => {
                write!(f, "several backends have the name `{name}`: {}; rename one of them", types.join(", "))
            }
            Self::NoConfig { shape, existing, source } => write!(
                f,
                "PYTHEUS_BACKEND_CONFIG must be the path of a JSON file; its value, which is not shown, {shape}, and names \
                 no file (of its path, `{}` is there; {source})",
                existing.display()
            ),
            Self::Encoding { path, found } => {
                write!(f, "{} (PYTHEUS_BACKEND_CONFIG) is {found}: save it as UTF-8", path.display())
            }
            Self::Unreadable { path, source } => write!(
                f,
                "{} (PYTHEUS_BACKEND_CONFIG) can't be read: {source}; it must be the path of a JSON file",
                path.display()
            ),
            Self::Json { path, source } => {
                write!(f, "{} (PYTHEUS_BACKEND_CONFIG) is not JSON: {source}", path.display())
            }
            #[cfg(feature = "backend-config")]
            Self::Config { class, source } if class == single::NAMES[0] => write!(
                f,
                "backend `{class}`, which is loaded where neither the program nor PYTHEUS_BACKEND_CLASS names another: \
                 {source}"
            ),
            #[cfg(feature = "backend-config")]
            Self::Config { class, source } => write!(f, "backend `{class}`: {source}"),
            Self::InstanceWithConfig { class } => {
                write!(f, "backend `{class}`: one that is ready takes no config; load it by its class to give one")
            }
            Self::Backend { class, source } => write!(f, "backend `{class}`: {source}"),
            Self::Loaded { class, loaded, by, differing } if class == loaded && !differing.is_empty() => {
                let keys = differing.join("`, `");
                write!(f, "backend `{class}` is loaded already with another config, which differs in `{keys}`: {by}")
            }
            Self::Loaded { class, loaded, by, .. } if class == loaded => {
                write!(f, "another backend `{class}` is loaded already: {by}")
            }
            Self::Loaded { class, loaded, by, .. } => {
                write!(f, "backend `{class}` can't be loaded, since `{loaded}` is: {by}")
            }
            Self::Pending { waited, last } => {
                write!(
                    f,
                    "the backend that PYTHEUS_BACKEND_CLASS names is not loaded yet: it was waited for {waited:?}, and what \
                     it needs may be locked by another process, or out of reach"
                )?;
                match last {
                    Some(last) => write!(f, "; the try before has failed: {last}"),
                    None => Ok(()),
                }
            }
            Self::Reentrant => {
                f.write_str("a backend can't be loaded, or scraped, while one is being made by the same thread")
            }
        }
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoConfig { source, .. } | Self::Unreadable { source, .. } => Some(source),
            #[cfg(feature = "backend-config")]
            Self::Config { source, .. } => Some(source),
            Self::Json { source, .. } | Self::Backend { source, .. } => Some(&**source),
            Self::Pending { last: Some(last), .. } => Some(last),
            _ => None,
        }
    }
}
