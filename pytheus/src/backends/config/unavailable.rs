//! Backends of this library that a program is built without.

use crate::backends::config::load_error::LoadError;

/// Returns the error for a name of such a backend; `None` for any other name.
pub(super) fn unavailable(name: &str) -> Option<LoadError> {
    let absent = UNAVAILABLE.iter().find(|(names, _)| names.contains(&name));
    absent.map(|(_, needs)| LoadError::Unavailable { what: format!("the backend `{name}`"), needs })
}

/// Names, and what makes the backend available. The names of a backend that is built in are found before.
const UNAVAILABLE: [(&[&str], &str); 2] = [
    (
        &[
            "redis",
            "MultiProcessRedisBackend",
            "pytheus.backends.redis.MultiProcessRedisBackend",
            "pytheus.backends.MultiProcessRedisBackend",
        ],
        "the feature `redis` of pytheus",
    ),
    (
        &[
            "file",
            "MultiProcessFileBackend",
            "pytheus.backends.file.MultiProcessFileBackend",
            "pytheus.backends.MultiProcessFileBackend",
        ],
        if cfg!(feature = "file") { "a Unix system" } else { "the feature `file` of pytheus" },
    ),
];
