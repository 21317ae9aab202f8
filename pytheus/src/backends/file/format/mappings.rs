//! Maps a file into memory, range by range as it grows.

use std::fs::File;
use std::ops::Deref;

use crate::backends::file::format::{FormatError, PAGE, UNIT};
use crate::storage::{Mapped, Page};

/// The mapped ranges of a file, one for each growth.
#[derive(Debug)]
pub(crate) struct Mappings<M> {
    parts: Vec<Part<M>>,
    /// End of the mapped bytes.
    end: u64,
    keep: fn(Mapped) -> M,
}

#[derive(Debug)]
struct Part<M> {
    start: u64,
    pages: M,
}

/// A mapped page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRef {
    part: u32,
    page: u32,
}

impl Mappings<Mapped> {
    /// Mappings that end with this value.
    pub(crate) fn new() -> Self {
        Self { parts: Vec::new(), end: 0, keep: |mapped| mapped }
    }
}

impl Mappings<&'static [Page]> {
    /// Mappings for the rest of the process.
    pub(crate) fn leaking() -> Self {
        Self { parts: Vec::new(), end: 0, keep: Mapped::leak }
    }

    /// Returns a page that was [placed](Self::place), for the rest of the process.
    pub(crate) fn kept(&self, page_ref: PageRef) -> Option<&'static Page> {
        self.parts.get(page_ref.part as usize)?.pages.get(page_ref.page as usize)
    }
}

impl<M: Deref<Target = [Page]>> Mappings<M> {
    /// Maps a page, and all before it, of a file of this length.
    pub(crate) fn place(&mut self, file: &File, len: u64, offset: u64) -> Result<PageRef, FormatError> {
        if !offset.is_multiple_of(PAGE) {
            return Err(FormatError::corrupt("a page is not aligned"));
        }
        if offset.checked_add(PAGE).is_none_or(|end| end > len) {
            return Err(FormatError::truncated("it ends before one of its pages"));
        }
        let wrong = || FormatError::corrupt("it is too long");
        if offset >= self.end {
            let start = self.end / UNIT * UNIT;
            let end = len / PAGE * PAGE;
            let pages = Mapped::new(file, start, usize::try_from(end - start).map_err(|_| wrong())?)?;
            self.parts.push(Part { start, pages: (self.keep)(pages) });
            self.end = end;
        }
        let part = self.parts.partition_point(|part| part.start <= offset).saturating_sub(1);
        let start = self.parts.get(part).map_or(0, |part| part.start);
        let page = u32::try_from((offset - start) / PAGE).map_err(|_| wrong())?;
        Ok(PageRef { part: u32::try_from(part).map_err(|_| wrong())?, page })
    }

    /// Returns a page that was [placed](Self::place).
    #[inline]
    pub(crate) fn page(&self, page_ref: PageRef) -> Option<&Page> {
        self.parts.get(page_ref.part as usize)?.pages.get(page_ref.page as usize)
    }

    /// Returns the end of the mapped bytes.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }
}
