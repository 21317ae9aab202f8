//! Errors of backends.

use std::error::Error;

/// Any error of a [`Backend`](crate::backends::custom::Backend). Programs meet it as the source of a [`LoadError`](crate::backends::LoadError), a
/// [`FlushError`](crate::backends::FlushError) or a [`ScrapeError`](crate::model::error::ScrapeError); each goes through `?` in a
/// `main` with a `Box<dyn Error>`.
pub type BackendError = Box<dyn Error + Send + Sync>;
