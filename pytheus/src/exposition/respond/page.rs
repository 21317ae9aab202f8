//! The page of a scrape: what is sent to every scraper that shares it.

use std::borrow::Cow;
use std::fmt;

use super::compression::BodyWriter;
use super::shared_registry::SharedRegistry;
use crate::exposition::{Exposition, Negotiated, WriteError};
use crate::sync::catch_panic;

/// The content type of a page for people.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// Everything that a page depends on: scrapes of one key are the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PageKey {
    pub(super) registry: SharedRegistry,
    pub(super) names: Vec<String>,
    pub(super) negotiated: Negotiated,
    pub(super) wants_gzip: bool,
}

impl PageKey {
    /// Scrapes and encodes the metrics; returns the body and whether it is compressed.
    fn encode(&self) -> Result<(Vec<u8>, bool), WriteError> {
        let mut body = BodyWriter::new(self.wants_gzip);
        let exposition = Exposition::of(self.registry.registry()).format(self.negotiated.format());
        exposition.names(self.names.iter().map(String::as_str)).write_to(&mut body)?;
        Ok(body.finish()?)
    }
}

/// A status, the headers and the body.
#[derive(Debug)]
pub(super) struct ScrapePage {
    pub(super) status: u16,
    pub(super) content_type: Cow<'static, str>,
    pub(super) is_compressed: bool,
    pub(super) body: Vec<u8>,
}

impl ScrapePage {
    /// Makes a page with the reason why there are no metrics.
    pub(super) fn refusal(status: u16, reason: impl fmt::Display) -> Self {
        let content_type = Cow::Borrowed(PLAIN_TEXT);
        Self { status, content_type, is_compressed: false, body: reason.to_string().into_bytes() }
    }

    /// Scrapes the registry, and encodes and compresses its metrics. A failed scrape gives the status 503.
    pub(super) fn of(key: &PageKey) -> Self {
        // A registry of the user's own may panic.
        let written = catch_panic(|| key.encode());
        match written {
            Ok(Ok((body, is_compressed))) => {
                Self { status: 200, content_type: Cow::Owned(key.negotiated.content_type()), is_compressed, body }
            }
            Ok(Err(error)) => Self::refusal(503, error),
            Err(panic) => Self::refusal(503, format_args!("the scrape panicked: {panic}")),
        }
    }
}
