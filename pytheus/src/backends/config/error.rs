//! Faults of a configuration.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

/// Something is wrong with the [configuration](crate::backends::custom::Config) of a backend: where it comes from, the key, what was found
/// and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Box<(Origin, Fault)>);

/// Where a configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Program,
    File(PathBuf),
    Nowhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    NoObject {
        found: String,
    },
    Wrong {
        key: String,
        found: &'static str,
        right: String,
    },
    Missing {
        key: String,
        right: Option<String>,
        similar: Option<String>,
    },
    /// The key only where it is a slip of a known one: any other may be a secret.
    Unknown {
        key: Option<String>,
        known: Vec<String>,
        suggestion: Option<String>,
    },
}

impl ConfigError {
    pub(crate) fn new(origin: &Origin, fault: Fault) -> Self {
        Self(Box::new((origin.clone(), fault)))
    }

    /// The key; none when the configuration as a whole is wrong, or has a key that is close to none that there is.
    pub fn key(&self) -> Option<&str> {
        match &self.0.1 {
            Fault::NoObject { .. } => None,
            Fault::Wrong { key, .. } | Fault::Missing { key, .. } => Some(key),
            Fault::Unknown { key, .. } => key.as_deref(),
        }
    }

    /// The file that the configuration was read from, when it was.
    pub fn path(&self) -> Option<&std::path::Path> {
        match &self.0.0 {
            Origin::File(path) => Some(path),
            Origin::Program | Origin::Nowhere => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("the config given in the program"),
            Self::File(path) => write!(f, "{} (PYTHEUS_BACKEND_CONFIG)", path.display()),
            Self::Nowhere => f.write_str(
                "no config was given (neither in the program, nor in a JSON file whose path is in \
                 PYTHEUS_BACKEND_CONFIG)",
            ),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, fault) = &*self.0;
        write!(f, "{origin}: ")?;
        match fault {
            Fault::NoObject { found } => write!(f, "it is {found}; it must be an object, {{\"key\": value, ..}}"),
            Fault::Wrong { key, found, right } => write!(f, "the key `{key}` is {found}; it must be {right}"),
            Fault::Missing { key, right, similar } => {
                write!(f, "the key `{key}` is missing")?;
                if let Some(right) = right {
                    write!(f, "; it must be {right}")?;
                }
                match similar {
                    Some(similar) => write!(f, ". Is it meant by `{similar}`?"),
                    None => Ok(()),
                }
            }
            Fault::Unknown { key, known, suggestion } => {
                match key {
                    Some(key) => write!(f, "there is no key `{}`", key.escape_debug())?,
                    None => {
                        f.write_str("it has a key that there is not, and that is not shown, as it may be a secret")?;
                    }
                }
                if let Some(suggestion) = suggestion {
                    write!(f, "; did you mean `{suggestion}`?")?;
                }
                match (&known[..], suggestion) {
                    ([], _) => f.write_str(": this backend has none"),
                    (_, Some(_)) => write!(f, " The keys are `{}`", known.join("`, `")),
                    (_, None) => write!(f, "; the keys are `{}`", known.join("`, `")),
                }
            }
        }
    }
}

impl Error for ConfigError {}

/// The type of a value. Never the value: a password may stand in the place of any other.
pub(crate) fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty string",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
