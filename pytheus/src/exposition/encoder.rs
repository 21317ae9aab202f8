//! Families into bytes, in any format.

use super::Format;
use super::lines::{Dialect, Lines};
use super::protobuf::Protobuf;
use super::walk::{Head, SeriesLabels, Value, Visit, walk};
use crate::registry::FamilyView;

/// The size of a chunk in bytes: it ends with the first series beyond it.
const CHUNK: usize = 64 * 1024;

/// Encodes families in a format.
pub(super) enum Encoder {
    Text(Box<Lines<Vec<u8>>>),
    Protobuf(Box<Protobuf>),
}

impl Encoder {
    /// Appends to these bytes.
    pub(super) fn append_to(out: Vec<u8>, format: Format) -> Self {
        let text = |out, dialect| Self::Text(Box::new(Lines::append_to(out, dialect)));
        match format {
            Format::Text | Format::Text1 => text(out, Dialect::Prometheus),
            Format::OpenMetrics => text(out, Dialect::OpenMetrics),
            Format::Protobuf => Self::Protobuf(Box::new(Protobuf::append_to(out))),
        }
    }

    /// Encodes a family.
    pub(super) fn family(&mut self, family: &FamilyView<'_>) {
        match self {
            Self::Text(lines) => walk(family, &mut **lines),
            Self::Protobuf(protobuf) => walk(family, &mut **protobuf),
        }
    }

    /// Encodes a family; `full` takes each whole chunk.
    pub(super) fn family_in_chunks(&mut self, family: &FamilyView<'_>, full: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Text(lines) => walk(family, &mut Chunked { lines, full }),
            Self::Protobuf(protobuf) => {
                walk(family, &mut **protobuf);
                if protobuf.out.len() >= CHUNK {
                    full(&protobuf.out);
                    protobuf.out.clear();
                }
            }
        }
    }

    /// Ends the format, and returns the bytes since the last whole chunk.
    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Text(mut lines) => {
                lines.finish();
                lines.out
            }
            Self::Protobuf(protobuf) => protobuf.out,
        }
    }
}

/// Text that goes on in chunks.
struct Chunked<'a> {
    lines: &'a mut Lines<Vec<u8>>,
    full: &'a mut dyn FnMut(&[u8]),
}

impl Visit for Chunked<'_> {
    fn begin(&mut self, head: &Head<'_>) {
        self.lines.begin(head);
    }

    #[inline]
    fn point(&mut self, head: &Head<'_>, labels: &SeriesLabels<'_>, value: &Value<'_>) {
        self.lines.point(head, labels, value);
        if self.lines.out.len() >= CHUNK {
            (self.full)(&self.lines.out);
            self.lines.out.clear();
        }
    }

    fn end(&mut self) {
        self.lines.end();
    }
}
