//! The configuration of a backend.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::backends::config::error::{ConfigError, Fault, Origin, described};
use crate::backends::config::shape::unexpanded;
use crate::backends::config::suggest::{slip, suggest};

/// The keys and values that a backend is made of: a JSON object, given in the program or read from a file.
///
/// A key that is left out, or is `null`, reads as `None`. Each error names where the configuration comes from, the key,
/// the type that was found and what would be right. No error shows a value, nor a key that is not close to one that there
/// is: either may be a password in the wrong place.
///
/// ```
/// use pytheus::backends::custom::Config;
/// use pytheus::backends::json;
///
/// let mut config = Config::new(json!({"host": "cache-1", "prot": 6379}))?;
/// let host = config.string("host")?.unwrap_or_else(|| "127.0.0.1".to_owned());
/// let port = config.integer("port", 1..=65535)?.unwrap_or(6379);
/// let error = config.finish().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the config given in the program: there is no key `prot`; did you mean `port`? The keys are `host`, `port`"
/// );
/// # Ok::<(), pytheus::backends::ConfigError>(())
/// ```
pub struct Config {
    origin: Origin,
    values: Map<String, Value>,
    /// The keys that were asked for.
    asked: Vec<Asked>,
}

struct Asked {
    key: String,
    right: String,
}

impl Config {
    /// A configuration from the program.
    ///
    /// # Errors
    ///
    /// When it is no object; `null` is one without keys.
    pub fn new(values: impl Into<Value>) -> Result<Self, ConfigError> {
        Self::from_values(Origin::Program, values.into())
    }

    pub(crate) fn from_values(origin: Origin, values: Value) -> Result<Self, ConfigError> {
        match values {
            Value::Object(values) => Ok(Self { origin, values, asked: Vec::new() }),
            Value::Null => Ok(Self { origin, values: Map::new(), asked: Vec::new() }),
            other => Err(ConfigError::new(&origin, Fault::NoObject { found: described(&other).to_owned() })),
        }
    }

    pub(crate) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Any text.
    ///
    /// # Errors
    ///
    /// When there is something else.
    pub fn string(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        self.get(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A path, as it stands there: neither `~` nor a variable such as `$HOME` is replaced. A relative one leads from the
    /// working directory of each process.
    ///
    /// # Errors
    ///
    /// When there is something else, an empty string, JSON or a URL, or something that only a shell would replace.
    pub fn path(&mut self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let text = self.get(key, "a path, which is a string", |value| {
            let is_path = |path: &&str| !path.is_empty() && !path.contains("://") && !path.starts_with(['{', '[']);
            value.as_str().filter(is_path).map(str::to_owned)
        })?;
        match text.as_deref().and_then(unexpanded) {
            Some(unexpanded) => Err(self.invalid(key, &format!("a path as it is; it {unexpanded}"))),
            None => Ok(text.map(PathBuf::from)),
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    ///
    /// When there is something else.
    pub fn bool(&mut self, key: &str) -> Result<Option<bool>, ConfigError> {
        self.get(key, "true or false", Value::as_bool)
    }

    /// A whole number.
    ///
    /// # Errors
    ///
    /// When there is something else, or it is out of `range`.
    pub fn integer(&mut self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let right = match *range.end() {
            u64::MAX => format!("a whole number of at least {}", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        self.get(key, &right, |value| value.as_u64().filter(|number| range.contains(number)))
    }

    /// A time, as a number of seconds.
    ///
    /// # Errors
    ///
    /// When there is something else, or it is out of `range`.
    pub fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Result<Option<Duration>, ConfigError> {
        let (start, end) = (range.start().as_secs_f64(), range.end().as_secs_f64());
        let right = match *range.end() {
            Duration::MAX => format!("a number of seconds, at least {start}"),
            _ => format!("a number of seconds from {start} to {end}"),
        };
        self.get(key, &right, |value| {
            let time = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
            Some(time).filter(|time| range.contains(time))
        })
    }

    /// A list of texts.
    ///
    /// # Errors
    ///
    /// When there is something else.
    pub fn strings(&mut self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        self.get(key, "a list of strings", |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    /// A text that no error shows.
    ///
    /// # Errors
    ///
    /// When there is something else.
    pub fn secret(&mut self, key: &str) -> Result<Option<Secret>, ConfigError> {
        self.get(key, "a string", |value| value.as_str().map(|text| Secret(text.to_owned())))
    }

    /// Whatever `read` makes of the value; `right` says what that is, as in "a whole number from 1 to 9".
    ///
    /// ```
    /// use pytheus::backends::custom::Config;
    /// use pytheus::backends::json;
    ///
    /// enum Fsync { Always, Never }
    ///
    /// let mut config = Config::new(json!({"fsync": "sometimes"}))?;
    /// let fsync = config.get("fsync", "\"always\" or \"never\"", |value| match value.as_str()? {
    ///     "always" => Some(Fsync::Always),
    ///     "never" => Some(Fsync::Never),
    ///     _ => None,
    /// });
    /// assert!(fsync.is_err_and(|error| error.to_string().ends_with(
    ///     "`fsync` is a string; it must be \"always\" or \"never\""
    /// )));
    /// # Ok::<(), pytheus::backends::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When `read` gives nothing.
    pub fn get<T>(
        &mut self,
        key: &str,
        right: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        if !self.asked.iter().any(|asked| asked.key == key) {
            self.asked.push(Asked { key: key.to_owned(), right: right.to_owned() });
        }
        let Some(value) = self.values.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
        let found = read(value);
        if found.is_none() {
            let unquoted = value.as_str().and_then(|text| serde_json::from_str(text).ok());
            let quotes = if unquoted.is_some_and(|value| read(&value).is_some()) { ", without quotes" } else { "" };
            return Err(self.invalid(key, &format!("{right}{quotes}")));
        }
        Ok(found)
    }

    /// The error for a value that is wrong by rules of your own; `right` says what it must be. It does not show the value.
    pub fn invalid(&self, key: &str, right: &str) -> ConfigError {
        let found = self.values.get(key).map_or("left out", described);
        let fault = Fault::Wrong { key: key.to_owned(), found, right: right.to_owned() };
        ConfigError::new(&self.origin, fault)
    }

    /// The error for a key that must be there, once it was read as `None`.
    pub fn missing(&self, key: &str) -> ConfigError {
        let right = self.asked.iter().find(|asked| asked.key == key).map(|asked| asked.right.clone());
        // A key that was not read so far may be a slip.
        let similar = self.unknown().find_map(|unknown| slip(unknown, [key])).map(str::to_owned);
        ConfigError::new(&self.origin, Fault::Missing { key: key.to_owned(), right, similar })
    }

    /// Checks that there is no key but those that were asked for.
    ///
    /// It is called after [`configure`](crate::backends::custom::Configure::configure), too; call it there once all keys were read, before
    /// anything is opened or made.
    ///
    /// # Errors
    ///
    /// When there is one: it names the key that was meant, as far as can be guessed.
    pub fn finish(&self) -> Result<(), ConfigError> {
        let Some(key) = self.unknown().next() else { return Ok(()) };
        let known: BTreeSet<_> = self.asked.iter().map(|asked| asked.key.as_str()).collect();
        let suggestion = suggest(key, known.iter().copied()).map(str::to_owned);
        let shown = slip(key, known.iter().copied()).map(str::to_owned);
        let known = known.into_iter().map(str::to_owned).collect();
        Err(ConfigError::new(&self.origin, Fault::Unknown { key: shown, known, suggestion }))
    }

    /// The keys that there are.
    pub(crate) fn known_keys(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().map(|asked| asked.key.as_str())
    }

    fn unknown(&self) -> impl Iterator<Item = &str> {
        let is_known = |key: &str| self.asked.iter().any(|asked| asked.key == key);
        self.values.keys().map(String::as_str).filter(move |key| !is_known(key))
    }
}

impl fmt::Debug for Config {
    /// Without the values, some of which may be secrets, and without keys that nobody has asked for, which may be, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.asked.iter().map(|asked| &asked.key).collect();
        f.debug_struct("Config").field("origin", &self.origin.to_string()).field("keys", &keys).finish_non_exhaustive()
    }
}

/// A text that shows nowhere, not even in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
