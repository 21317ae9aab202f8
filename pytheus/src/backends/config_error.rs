//! What is wrong with a configuration.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

/// Something is wrong with the [configuration](super::Config) of a backend: where it comes from, the key, what was found
/// and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Box<(Origin, Fault)>);

/// Where a configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Program,
    File(PathBuf),
    Nowhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    NoObject { found: String },
    Wrong { key: String, found: String, right: String },
    Missing { key: String, right: Option<String>, similar: Option<String> },
    Unknown { key: String, known: Vec<String>, nearest: Option<String> },
}

impl ConfigError {
    pub(super) fn new(origin: &Origin, fault: Fault) -> Self {
        Self(Box::new((origin.clone(), fault)))
    }

    /// The key; none when the configuration as a whole is wrong.
    pub fn key(&self) -> Option<&str> {
        match &self.0.1 {
            Fault::NoObject { .. } => None,
            Fault::Wrong { key, .. } | Fault::Missing { key, .. } | Fault::Unknown { key, .. } => Some(key),
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
            Fault::Unknown { key, known, nearest } => {
                write!(f, "there is no key `{key}`")?;
                if let Some(nearest) = nearest {
                    write!(f, "; did you mean `{nearest}`?")?;
                }
                match (&known[..], nearest) {
                    ([], _) => f.write_str(": this backend has none"),
                    (_, Some(_)) => write!(f, " The keys are `{}`", known.join("`, `")),
                    (_, None) => write!(f, "; the keys are `{}`", known.join("`, `")),
                }
            }
        }
    }
}

impl Error for ConfigError {}

/// What a value is, and the value itself unless it is long, secret, or an object, which may hold secrets.
pub(super) fn described(value: &Value, secret: bool) -> String {
    const LONG: usize = 60;
    let kind = match value {
        Value::Null => return "null".to_owned(),
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => return "an object".to_owned(),
    };
    let text = value.to_string();
    if secret || (value.is_array() && text.contains('{')) {
        format!("a {kind}")
    } else if text.chars().count() > LONG {
        format!("the {kind} {}..", text.chars().take(LONG).collect::<String>())
    } else {
        format!("the {kind} {text}")
    }
}
