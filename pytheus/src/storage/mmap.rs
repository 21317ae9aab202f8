//! Memory-mapped pages of cells, shared with other processes through a file.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd as _;
use std::ptr::NonNull;

use super::shard::page::Page;

/// Pages of a file, shared by all its processes ([`mmap`] with `MAP_SHARED`).
///
/// [`mmap`]: https://man7.org/linux/man-pages/man2/mmap.2.html
pub(crate) struct Mapped {
    start: NonNull<Page>,
    pages: usize,
}

// SAFETY: the pages are atomics, and stay mapped as long as this value lives, on whichever thread.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Maps a part of a file. The file has this part, and keeps it.
    ///
    /// `len` is a multiple of the size of a [`Page`], and `offset` of the size of the system's pages. The file is open
    /// for writing, even if it is only read: Rust promises nothing for atomics in read-only memory.
    pub(crate) fn new(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        if len == 0 || !len.is_multiple_of(size_of::<Page>()) {
            return Err(wrong("only whole pages can be mapped"));
        }
        let start = libc::off_t::try_from(offset).map_err(|_| wrong("too far to be mapped"))?;
        let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
        if end.is_none_or(|end| end > file.metadata().map_or(0, |metadata| metadata.len())) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends before what is to be mapped"));
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address chosen by the system, clear of all memory of this process.
        let mapped =
            unsafe { libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, file.as_raw_fd(), start) };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Aligned, as the system's pages are larger than the alignment of a `Page`.
        let start = NonNull::new(mapped.cast()).ok_or_else(|| wrong("mapped at address 0"))?;
        Ok(Self { start, pages: len / size_of::<Page>() })
    }

    /// Returns the pages, and keeps them mapped for the rest of the process.
    pub(crate) fn leak(self) -> &'static [Page] {
        let mapped = std::mem::ManuallyDrop::new(self);
        // SAFETY: as in `deref`, and never unmapped, as the value is never dropped.
        unsafe { std::slice::from_raw_parts(mapped.start.as_ptr(), mapped.pages) }
    }
}

impl Deref for Mapped {
    type Target = [Page];

    #[inline]
    fn deref(&self) -> &[Page] {
        // SAFETY: these pages are mapped until this value is dropped. Any bits are valid cells, and other processes
        // access them as threads do, with atomics.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.pages) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and no longer borrowed. On an error the pages stay mapped.
        let _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.pages * size_of::<Page>()) };
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").field("pages", &self.pages).finish_non_exhaustive()
    }
}
