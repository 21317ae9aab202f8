//! The compression of a body, as a scraper accepts it ([RFC 9110, section
//! 12.5.3](https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3)).

use std::io::{self, Write};

#[cfg(feature = "gzip")]
use flate2::{Compression, write::GzEncoder};

use crate::exposition::negotiate::weight;

/// The size in bytes from which a body is compressed: a smaller one fits into a packet as it is.
#[cfg(feature = "gzip")]
const MIN_COMPRESSED: usize = 1024;

/// Beyond it, gzip takes longer and saves little: of 800 kB of counters, 0.1 %.
#[cfg(feature = "gzip")]
const LEVEL: u32 = 3;

/// Returns whether a scraper with this header prefers gzip to no compression.
pub(super) fn wants_gzip(accept_encoding: &str) -> bool {
    let weight_of = |names: &[&str]| {
        accept_encoding.split(',').find_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let coding = parts.next()?;
            let is_named = names.iter().any(|name| coding.eq_ignore_ascii_case(name));
            let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            is_named.then(|| q.map_or(1.0, weight))
        })
    };
    let gzip = weight_of(&["gzip", "x-gzip"]).or_else(|| weight_of(&["*"])).unwrap_or(0.0);
    let identity = weight_of(&["identity"]).unwrap_or(0.0);
    cfg!(feature = "gzip") && gzip > 0.0 && gzip >= identity
}

/// A body in the making.
pub(super) enum BodyWriter {
    Plain(Vec<u8>),
    /// Compressed once it is large enough.
    #[cfg(feature = "gzip")]
    Small(Vec<u8>),
    #[cfg(feature = "gzip")]
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl BodyWriter {
    pub(super) fn new(wants_gzip: bool) -> Self {
        #[cfg(feature = "gzip")]
        if wants_gzip {
            return Self::Small(Vec::new());
        }
        let _ = wants_gzip;
        Self::Plain(Vec::new())
    }

    /// Ends the body; returns it and whether it is compressed.
    #[cfg_attr(not(feature = "gzip"), allow(clippy::unnecessary_wraps, reason = "a compressed body can fail"))]
    pub(super) fn finish(self) -> io::Result<(Vec<u8>, bool)> {
        match self {
            Self::Plain(body) => Ok((body, false)),
            #[cfg(feature = "gzip")]
            Self::Small(body) => Ok((body, false)),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => Ok((encoder.finish()?, true)),
        }
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(body) => body.write(bytes),
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.write(bytes),
            #[cfg(feature = "gzip")]
            Self::Small(body) => {
                body.extend_from_slice(bytes);
                if body.len() >= MIN_COMPRESSED {
                    let mut encoder = Box::new(GzEncoder::new(Vec::new(), Compression::new(LEVEL)));
                    encoder.write_all(body)?;
                    *self = Self::Gzip(encoder);
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush of gzip costs bytes, and nothing reads the body before its end.
        Ok(())
    }
}
