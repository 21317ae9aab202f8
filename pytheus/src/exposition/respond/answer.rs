//! The answer to a scraper.

use std::sync::Arc;

use super::ask::Method;
use super::page::ScrapePage;

/// An answer to a scraper: status, headers and body, to be sent together.
///
/// ```
/// use pytheus::exposition::{Ask, respond};
///
/// let answer = respond(&Ask::new().accept("text/plain"));
/// assert_eq!(answer.status(), 200);
/// let content_type = answer.headers().find(|(name, _)| *name == "Content-Type");
/// assert_eq!(content_type, Some(("Content-Type", "text/plain; version=0.0.4; charset=utf-8")));
/// assert_eq!(answer.body().len(), answer.into_body().len());
/// ```
#[derive(Debug, Clone)]
pub struct Answer {
    page: Arc<ScrapePage>,
    is_head: bool,
    content_length: String,
}

impl Answer {
    pub(super) fn new(page: Arc<ScrapePage>, method: Method) -> Self {
        Self { is_head: method == Method::Head, content_length: page.body.len().to_string(), page }
    }

    /// Returns the status: 200; 503 if the totals are out of reach or the time is over, with the reason in the body; 405 for
    /// any method other than `GET` and `HEAD`.
    pub fn status(&self) -> u16 {
        self.page.status
    }

    /// Returns the names and values of the headers.
    ///
    /// `Content-Length` is that of the answer to `GET`, also for `HEAD`.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mut headers = vec![
            ("Content-Type", &*self.page.content_type),
            ("Content-Length", &*self.content_length),
            // A cache keeps an answer for each of them.
            ("Vary", "Accept, Accept-Encoding"),
        ];
        if self.page.is_compressed {
            headers.push(("Content-Encoding", "gzip"));
        }
        if self.page.status == 405 {
            headers.push(("Allow", "GET, HEAD"));
        }
        headers.into_iter()
    }

    /// Returns the body; nothing for `HEAD`.
    pub fn body(&self) -> &[u8] {
        if self.is_head { &[] } else { &self.page.body }
    }

    /// Returns the body, without copying it unless another answer shares it.
    pub fn into_body(self) -> Vec<u8> {
        if self.is_head {
            return Vec::new();
        }
        Arc::try_unwrap(self.page).map_or_else(|page| page.body.clone(), |page| page.body)
    }
}

/// A body that several answers share.
#[cfg(any(feature = "http", feature = "actix"))]
pub(crate) struct SharedBody(Arc<ScrapePage>);

#[cfg(any(feature = "http", feature = "actix"))]
impl Answer {
    /// Returns the body without copying it; that of `GET`, also for `HEAD`.
    pub(crate) fn into_shared_body(self) -> SharedBody {
        SharedBody(self.page)
    }
}

#[cfg(any(feature = "http", feature = "actix"))]
impl AsRef<[u8]> for SharedBody {
    fn as_ref(&self) -> &[u8] {
        &self.0.body
    }
}
