//! The memory of a table: buckets in segments, and the directory that leads from a hash to its segment.
//!
//! Source: R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong, *Extendible hashing: a fast access method for dynamic
//! files*, ACM TODS 4(3), 1979.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::super::series::{Raw, SeriesRef};
use crate::sync::shim::{Acquire, AtomicPtr, AtomicU8, LoomTracked, Relaxed, Release};

/// A bucket that was never used.
pub(super) const EMPTY: u8 = 0;
/// A bucket whose series was removed: a tombstone.
pub(super) const REMOVED: u8 = 1;
/// Beside seven bits of the hash: a bucket with a series.
const TAKEN: u8 = 0x80;

/// The least buckets of a segment.
pub(super) const LEAST: usize = if cfg!(loom) { 4 } else { 8 };

/// Returns how many of so many buckets may be in use: the others end each search.
pub(super) fn room(buckets: usize) -> usize {
    buckets / 4 * 3
}

/// Returns the tag of a series of this hash.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the highest bits are what is left")]
pub(super) fn tag_of(hash: u64) -> u8 {
    TAKEN | (hash >> 57) as u8
}

/// Returns the bits of a hash that lead to a segment: neither those of its place there, nor those of its tag.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the lowest of these bits")]
pub(super) fn prefix_of(hash: u64) -> usize {
    (hash >> 32) as u32 as usize
}

/// How many bits [`prefix_of`] has before those of the tag begin.
pub(super) const PREFIX_BITS: u32 = 25;

/// Owns the buckets of a segment, but not the series in them. Readers may still look at them: it is no box, which would
/// claim to be alone.
///
/// In one piece of memory: what a model watches, then a tag for each bucket, which is [`EMPTY`], [`REMOVED`], or seven bits
/// of the hash and [`TAKEN`]; then a pointer for each.
#[derive(Debug)]
pub(super) struct Segment {
    start: NonNull<u8>,
    buckets: usize,
}

// SAFETY: atomics, whose memory the last owner alone frees.
unsafe impl Send for Segment {}

const TAGS: usize = size_of::<LoomTracked>();

/// Where the pointers of a segment of so many buckets begin.
#[inline]
const fn series_at(buckets: usize) -> usize {
    TAGS + buckets * size_of::<AtomicU8>()
}

// There is a power of two of buckets, so pointers are aligned where they begin.
const _: () = assert!(
    TAGS.is_multiple_of(align_of::<AtomicPtr<Raw>>())
        && series_at(LEAST).is_multiple_of(align_of::<AtomicPtr<Raw>>())
        && align_of::<AtomicPtr<Raw>>() >= align_of::<LoomTracked>()
        && TAGS.is_multiple_of(align_of::<AtomicU8>())
);

impl Segment {
    /// Makes a segment of so many empty buckets: a power of two, so that a remainder is a mask.
    pub(super) fn new(buckets: usize) -> Self {
        debug_assert!(buckets.is_power_of_two() && buckets >= LEAST, "{buckets} buckets");
        let layout = Self::layout(buckets);
        // SAFETY: there are buckets, so the layout is not of size zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        // SAFETY: allocated for just this, and nobody else has seen it.
        unsafe {
            start.cast::<LoomTracked>().write(LoomTracked::new());
            for place in 0..buckets {
                start.add(TAGS).cast::<AtomicU8>().add(place).write(AtomicU8::new(EMPTY));
            }
            for place in 0..buckets {
                let series = start.add(series_at(buckets)).cast::<AtomicPtr<Raw>>().add(place);
                series.write(AtomicPtr::new(std::ptr::null_mut()));
            }
        }
        Self { start, buckets }
    }

    fn layout(buckets: usize) -> Layout {
        let bytes = series_at(buckets) + buckets * size_of::<AtomicPtr<Raw>>();
        // A line of the cache, where there is more than one.
        let align = if buckets < 64 { align_of::<AtomicPtr<Raw>>() } else { 64 };
        let Ok(layout) = Layout::from_size_align(bytes, align) else { unreachable!("there are less than 2^32 series") };
        layout
    }

    pub(super) fn buckets(&self) -> Buckets<'_> {
        Buckets { start: self.start, mask: self.buckets - 1, owner: PhantomData }
    }

    fn into_raw(self) -> *mut u8 {
        std::mem::ManuallyDrop::new(self).start.as_ptr()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: made by `new` with this layout; no reader looks at it any more, and this is done once.
        unsafe {
            self.start.cast::<LoomTracked>().drop_in_place();
            for place in 0..self.buckets {
                self.start.add(TAGS).cast::<AtomicU8>().add(place).drop_in_place();
                self.start.add(series_at(self.buckets)).cast::<AtomicPtr<Raw>>().add(place).drop_in_place();
            }
            dealloc(self.start.as_ptr(), Self::layout(self.buckets));
        }
    }
}

/// The buckets of a segment, with linear probing.
#[derive(Clone, Copy)]
pub(super) struct Buckets<'a> {
    start: NonNull<u8>,
    /// Buckets, less one.
    mask: usize,
    owner: PhantomData<&'a Segment>,
}

impl<'a> Buckets<'a> {
    pub(super) fn len(self) -> usize {
        self.mask + 1
    }

    /// The bucket where the search for this hash begins.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a remainder")]
    pub(super) fn first(self, hash: u64) -> usize {
        self.look();
        hash as usize & self.mask
    }

    #[inline]
    fn look(self) {
        // SAFETY: the segment begins with it, and lasts for `'a`.
        unsafe { self.start.cast::<LoomTracked>().as_ref() }.touch();
    }

    #[inline]
    pub(super) fn after(self, place: usize) -> usize {
        (place + 1) & self.mask
    }

    #[inline]
    pub(super) fn tag(self, place: usize) -> &'a AtomicU8 {
        // SAFETY: the segment lasts for `'a`, and the place is less than its buckets by the mask.
        unsafe { self.start.add(TAGS).cast::<AtomicU8>().add(place & self.mask).as_ref() }
    }

    #[inline]
    pub(super) fn series(self, place: usize) -> &'a AtomicPtr<Raw> {
        // SAFETY: as above.
        unsafe { self.start.add(series_at(self.mask + 1)).cast::<AtomicPtr<Raw>>().add(place & self.mask).as_ref() }
    }

    /// The places where a series of this hash may be, in order.
    pub(super) fn places(self, hash: u64) -> impl Iterator<Item = usize> + use<'a> {
        let next = move |place: &usize| Some(self.after(*place));
        std::iter::successors(Some(self.first(hash)), next).take(self.len())
    }

    /// The series at a place, for the one writer.
    pub(super) fn at(self, place: usize) -> Option<SeriesRef<'a>> {
        let taken = self.tag(place).load(Relaxed) & TAKEN != 0;
        // SAFETY: the table holds it until the one writer takes it out.
        taken.then(|| unsafe { SeriesRef::new(self.series(place).load(Relaxed)) })?
    }

    /// The pointers to all series, for the one writer.
    pub(super) fn all(self) -> impl Iterator<Item = *mut Raw> + use<'a> {
        let taken = move |place: &usize| self.tag(*place).load(Relaxed) & TAKEN != 0;
        (0..self.len()).filter(taken).map(move |place| self.series(place).load(Relaxed))
    }

    /// Puts a series into a free bucket; true when that was never used.
    pub(super) fn put(self, hash: u64, series: *mut Raw) -> bool {
        for place in self.places(hash) {
            let tag = self.tag(place).load(Relaxed);
            if tag & TAKEN == 0 {
                self.series(place).store(series, Release);
                self.tag(place).store(tag_of(hash), Release);
                return tag == EMPTY;
            }
        }
        unreachable!("some buckets are empty")
    }
}

/// The head of a directory; its entries follow.
#[repr(C)]
pub(super) struct DirectoryHeader {
    tracked: LoomTracked,
    /// Buckets of each segment, less one.
    bucket_mask: u32,
    /// Entries, less one.
    entry_mask: u32,
    entries: [AtomicPtr<u8>; 0],
}

/// Leads from a hash to a segment: so many entries that some bits of the hash say which. Several may lead to one segment.
///
/// Owns its entries, but no segment.
pub(super) struct SegmentDirectory(NonNull<DirectoryHeader>);

// SAFETY: masks and atomics, of which the last owner alone frees the memory.
unsafe impl Send for SegmentDirectory {}

impl SegmentDirectory {
    /// Makes a directory to segments of so many buckets each; a power of two of entries, each null.
    #[allow(clippy::cast_possible_truncation, reason = "there are less than 2^32 series")]
    pub(super) fn new(buckets: usize, entries: usize) -> Self {
        debug_assert!(entries.is_power_of_two(), "{entries} entries");
        let layout = Self::layout(entries);
        // SAFETY: the layout is that of a head and more, so it is not of size zero.
        let memory = unsafe { alloc(layout) };
        #[allow(clippy::cast_ptr_alignment, reason = "that of the layout")]
        let Some(head) = NonNull::new(memory.cast::<DirectoryHeader>()) else { handle_alloc_error(layout) };
        let (bucket_mask, entry_mask) = ((buckets - 1) as u32, (entries - 1) as u32);
        // SAFETY: allocated for just this, and nobody else has seen it.
        unsafe {
            head.write(DirectoryHeader { tracked: LoomTracked::new(), bucket_mask, entry_mask, entries: [] });
            for entry in 0..entries {
                Self::entry(head, entry).write(AtomicPtr::new(std::ptr::null_mut()));
            }
        }
        Self(head)
    }

    fn layout(entries: usize) -> Layout {
        let entries = Layout::array::<AtomicPtr<u8>>(entries);
        let whole = entries.and_then(|entries| Layout::new::<DirectoryHeader>().extend(entries));
        let Ok((layout, _)) = whole else { unreachable!("there are less than 2^32 series") };
        layout
    }

    /// # Safety
    ///
    /// The directory was allocated with more than so many entries.
    #[inline]
    unsafe fn entry(head: NonNull<DirectoryHeader>, entry: usize) -> NonNull<AtomicPtr<u8>> {
        // SAFETY: they begin where the head ends, which is aligned as they are.
        unsafe { head.add(1).cast::<AtomicPtr<u8>>().add(entry) }
    }

    pub(super) fn entries(&self) -> Entries<'_> {
        Entries { head: self.0, owner: PhantomData }
    }

    pub(super) fn into_raw(self) -> *mut DirectoryHeader {
        std::mem::ManuallyDrop::new(self).0.as_ptr()
    }

    /// The directory behind a pointer of `into_raw`; `None` when it is null.
    ///
    /// # Safety
    ///
    /// The pointer came from there, and this is done once.
    pub(super) unsafe fn from_raw(head: *mut DirectoryHeader) -> Option<Self> {
        NonNull::new(head).map(Self)
    }
}

impl Drop for SegmentDirectory {
    fn drop(&mut self) {
        let entries = self.entries().len();
        // SAFETY: made by `new` with this layout, and nobody else can reach it.
        unsafe {
            for entry in 0..entries {
                Self::entry(self.0, entry).drop_in_place();
            }
            self.0.drop_in_place();
            dealloc(self.0.as_ptr().cast(), Self::layout(entries));
        }
    }
}

impl fmt::Debug for SegmentDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentDirectory").field("entries", &self.entries().len()).finish()
    }
}

/// The entries of a directory.
#[derive(Clone, Copy)]
pub(super) struct Entries<'a> {
    head: NonNull<DirectoryHeader>,
    owner: PhantomData<&'a DirectoryHeader>,
}

impl<'a> Entries<'a> {
    /// The entries of a directory behind a pointer of `into_raw`; `None` when it is null.
    ///
    /// # Safety
    ///
    /// The directory, and all segments to which it leads, are not dropped while `'a` lasts.
    #[inline]
    pub(super) unsafe fn new(head: *mut DirectoryHeader) -> Option<Self> {
        Some(Self { head: NonNull::new(head)?, owner: PhantomData })
    }

    #[inline]
    fn head(self) -> &'a DirectoryHeader {
        // SAFETY: it lasts for `'a`.
        let head: &'a DirectoryHeader = unsafe { self.head.as_ref() };
        head.tracked.touch();
        head
    }

    /// How many there are.
    #[inline]
    pub(super) fn len(self) -> usize {
        self.head().entry_mask as usize + 1
    }

    /// How many buckets each segment has.
    #[inline]
    pub(super) fn bucket_count(self) -> usize {
        self.head().bucket_mask as usize + 1
    }

    #[inline]
    fn entry(self, entry: usize) -> &'a AtomicPtr<u8> {
        let entry = entry & self.head().entry_mask as usize;
        // SAFETY: less than there are by the mask; it lasts for `'a`.
        unsafe { SegmentDirectory::entry(self.head, entry).as_ref() }
    }

    /// The buckets to which an entry leads; of a number that is too large for one, the remainder.
    #[inline]
    pub(super) fn buckets(self, entry: usize) -> Option<Buckets<'a>> {
        // Acquire: the buckets are seen as they were when the entry was led here, or later.
        let start = NonNull::new(self.entry(entry).load(Acquire))?;
        Some(Buckets { start, mask: self.head().bucket_mask as usize, owner: PhantomData })
    }

    /// Leads entries to a segment, which belongs to the table from now on.
    pub(super) fn lead(self, entries: impl Iterator<Item = usize>, to: Segment) {
        debug_assert_eq!(to.buckets().len(), self.bucket_count(), "one mask for all");
        let start = to.into_raw();
        // Release: readers find the buckets filled.
        entries.for_each(|entry| self.entry(entry).store(start, Release));
    }

    /// Leads an entry where one of another directory does, to segments of this size, too.
    pub(super) fn copy(self, entry: usize, other: Entries<'_>, from: usize) {
        self.entry(entry).store(other.entry(from).load(Relaxed), Release);
    }

    /// Is this the first of the entries that lead to a segment?
    pub(super) fn is_first(self, entry: usize) -> bool {
        // All that lead there differ in their upper bits alone.
        let other = entry.checked_ilog2().map(|highest| entry ^ 1 << highest);
        other.is_none_or(|other| self.entry(other).load(Relaxed) != self.entry(entry).load(Relaxed))
    }

    /// The segment to which an entry leads.
    ///
    /// # Safety
    ///
    /// This is done once for each segment, and no entry of the table leads there when it is dropped.
    pub(super) unsafe fn take(self, entry: usize) -> Segment {
        // SAFETY: `lead` has put it there, so it is not null.
        let start = unsafe { NonNull::new_unchecked(self.entry(entry).load(Relaxed)) };
        Segment { start, buckets: self.bucket_count() }
    }
}
