//! The memory of a table: buckets in segments, and the directory from a hash to its segment.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::super::series::{RawSeries, SeriesRef};
use crate::sync::shim::{Acquire, AtomicPtr, AtomicU8, LoomTracked, Relaxed, Release};

/// The tag of an unused bucket.
pub(super) const EMPTY: u8 = 0;
/// The tag of a bucket after a removal: a tombstone.
pub(super) const REMOVED: u8 = 1;
/// The tag of a bucket with a series, beside seven bits of the hash.
const TAKEN: u8 = 0x80;

/// The fewest buckets of a segment.
pub(super) const LEAST: usize = if cfg!(loom) { 4 } else { 8 };

/// Returns how many buckets of a segment may be in use. The others end each probe.
pub(super) fn room(buckets: usize) -> usize {
    buckets / 4 * 3
}

/// Returns the tag of a series with this hash.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the highest bits are what is left")]
pub(super) fn tag_of(hash: u64) -> u8 {
    TAKEN | (hash >> 57) as u8
}

/// Returns the bits of a hash for the directory: neither those for a bucket, nor those of the tag.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the lowest of these bits")]
pub(super) fn prefix_of(hash: u64) -> usize {
    (hash >> 32) as u32 as usize
}

/// The number of bits of [`prefix_of`] below those of the tag.
pub(super) const PREFIX_BITS: u32 = 25;

/// Owns the buckets of a segment, but not the series in them. No `Box`, as readers may hold references, and a `Box`
/// would claim to be the only one.
///
/// A single allocation: the probe of the models, then a tag for each bucket, [`EMPTY`], [`REMOVED`], or [`TAKEN`] with
/// seven bits of the hash; then a pointer for each bucket.
#[derive(Debug)]
pub(super) struct Segment {
    start: NonNull<u8>,
    buckets: usize,
}

// SAFETY: atomics; the last owner alone frees their memory.
unsafe impl Send for Segment {}

const TAGS: usize = size_of::<LoomTracked>();

/// Returns the offset of the pointers in a segment.
#[inline]
const fn series_at(buckets: usize) -> usize {
    TAGS + buckets * size_of::<AtomicU8>()
}

// The number of buckets is a power of two, so the pointers are aligned.
const _: () = assert!(
    TAGS.is_multiple_of(align_of::<AtomicPtr<RawSeries>>())
        && series_at(LEAST).is_multiple_of(align_of::<AtomicPtr<RawSeries>>())
        && align_of::<AtomicPtr<RawSeries>>() >= align_of::<LoomTracked>()
        && TAGS.is_multiple_of(align_of::<AtomicU8>())
);

impl Segment {
    /// Makes a segment of empty buckets, a power of two, as a remainder is a mask then.
    pub(super) fn new(buckets: usize) -> Self {
        debug_assert!(buckets.is_power_of_two() && buckets >= LEAST, "{buckets} buckets");
        let layout = Self::layout(buckets);
        // SAFETY: there are buckets, so the layout is not of size zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let new = Self { start, buckets };
        // SAFETY: allocated for these fields, and unseen by other threads.
        unsafe {
            start.cast::<LoomTracked>().write(LoomTracked::new());
            for index in 0..buckets {
                new.buckets().tag_at(index).write(AtomicU8::new(EMPTY));
                new.buckets().series_at(index).write(AtomicPtr::new(std::ptr::null_mut()));
            }
        }
        new
    }

    fn layout(buckets: usize) -> Layout {
        let bytes = series_at(buckets) + buckets * size_of::<AtomicPtr<RawSeries>>();
        // A cache line, if the segment has several.
        let align = if buckets < 64 { align_of::<AtomicPtr<RawSeries>>() } else { 64 };
        let Ok(layout) = Layout::from_size_align(bytes, align) else { unreachable!("there are less than 2^32 series") };
        layout
    }

    pub(super) fn buckets(&self) -> Buckets<'_> {
        Buckets { start: self.start, mask: self.buckets - 1, owner: PhantomData }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: made by `new` with this layout; no reader holds a reference any more, and this is done once.
        unsafe {
            self.start.cast::<LoomTracked>().drop_in_place();
            for index in 0..self.buckets {
                self.buckets().tag_at(index).drop_in_place();
                self.buckets().series_at(index).drop_in_place();
            }
            dealloc(self.start.as_ptr(), Self::layout(self.buckets));
        }
    }
}

/// The buckets of a segment, with linear probing.
#[derive(Clone, Copy)]
pub(super) struct Buckets<'a> {
    start: NonNull<u8>,
    /// The number of buckets, less one.
    mask: usize,
    owner: PhantomData<&'a Segment>,
}

impl<'a> Buckets<'a> {
    pub(super) fn len(self) -> usize {
        self.mask + 1
    }

    /// Returns the bucket where the probe for this hash begins.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a remainder")]
    pub(super) fn first(self, hash: u64) -> usize {
        // SAFETY: the segment begins with it, and lasts for `'a`.
        unsafe { self.start.cast::<LoomTracked>().as_ref() }.touch();
        hash as usize & self.mask
    }

    #[inline]
    pub(super) fn after(self, index: usize) -> usize {
        (index + 1) & self.mask
    }

    #[inline]
    fn tag_at(self, index: usize) -> NonNull<AtomicU8> {
        // SAFETY: within the allocation, by the mask.
        unsafe { self.start.add(TAGS).cast::<AtomicU8>().add(index & self.mask) }
    }

    #[inline]
    fn series_at(self, index: usize) -> NonNull<AtomicPtr<RawSeries>> {
        // SAFETY: within the allocation, by the mask.
        unsafe { self.start.add(series_at(self.mask + 1)).cast::<AtomicPtr<RawSeries>>().add(index & self.mask) }
    }

    #[inline]
    pub(super) fn tag(self, index: usize) -> &'a AtomicU8 {
        // SAFETY: initialised by `new`; the segment lasts for `'a`.
        unsafe { self.tag_at(index).as_ref() }
    }

    #[inline]
    pub(super) fn series(self, index: usize) -> &'a AtomicPtr<RawSeries> {
        // SAFETY: as above.
        unsafe { self.series_at(index).as_ref() }
    }

    /// Returns the possible buckets of a series with this hash, in order.
    pub(super) fn probe(self, hash: u64) -> impl Iterator<Item = usize> + use<'a> {
        let next = move |index: &usize| Some(self.after(*index));
        std::iter::successors(Some(self.first(hash)), next).take(self.len())
    }

    fn is_taken(self, index: usize) -> bool {
        self.tag(index).load(Relaxed) & TAKEN != 0
    }

    /// Returns the series in a bucket, for the one writer.
    pub(super) fn at(self, index: usize) -> Option<SeriesRef<'a>> {
        // SAFETY: the table holds it until the one writer removes it.
        self.is_taken(index).then(|| unsafe { SeriesRef::new(self.series(index).load(Relaxed)) })?
    }

    /// Returns the pointers to all series, for the one writer.
    pub(super) fn all(self) -> impl Iterator<Item = *mut RawSeries> + use<'a> {
        let taken = (0..self.len()).filter(move |index| self.is_taken(*index));
        taken.map(move |index| self.series(index).load(Relaxed))
    }

    /// Puts a series into a free bucket; true for an unused one.
    pub(super) fn put(self, hash: u64, series: *mut RawSeries) -> bool {
        let Some(index) = self.probe(hash).find(|index| !self.is_taken(*index)) else {
            unreachable!("some buckets are empty")
        };
        let tag = self.tag(index).load(Relaxed);
        self.series(index).store(series, Release);
        self.tag(index).store(tag_of(hash), Release);
        tag == EMPTY
    }
}

/// Followed by the entries of a directory.
#[repr(C)]
pub(super) struct DirectoryHeader {
    tracked: LoomTracked,
    /// The number of buckets of each segment, less one.
    bucket_mask: u32,
    /// The number of entries, less one.
    entry_mask: u32,
    entries: [AtomicPtr<u8>; 0],
}

/// Points from some bits of a hash to a segment. Several entries may point to one segment.
///
/// Owns its entries, but no segment.
pub(super) struct SegmentDirectory(NonNull<DirectoryHeader>);

// SAFETY: masks and atomics; the last owner alone frees their memory.
unsafe impl Send for SegmentDirectory {}

impl SegmentDirectory {
    /// Makes a directory of null entries, a power of two, for segments of this size.
    #[allow(clippy::cast_possible_truncation, reason = "there are less than 2^32 series")]
    pub(super) fn new(buckets: usize, entries: usize) -> Self {
        debug_assert!(entries.is_power_of_two(), "{entries} entries");
        let layout = Self::layout(entries);
        // SAFETY: room for a header and more, so the size is not zero.
        let memory = unsafe { alloc(layout) };
        #[allow(clippy::cast_ptr_alignment, reason = "that of the layout")]
        let Some(head) = NonNull::new(memory.cast::<DirectoryHeader>()) else { handle_alloc_error(layout) };
        let (bucket_mask, entry_mask) = ((buckets - 1) as u32, (entries - 1) as u32);
        // SAFETY: allocated for a header and its entries, and unseen by other threads.
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
    /// The directory was allocated with more entries than this index.
    #[inline]
    unsafe fn entry(head: NonNull<DirectoryHeader>, entry: usize) -> NonNull<AtomicPtr<u8>> {
        // SAFETY: the entries begin at the end of the header, aligned as they are.
        unsafe { head.add(1).cast::<AtomicPtr<u8>>().add(entry) }
    }

    pub(super) fn entries(&self) -> Entries<'_> {
        Entries { head: self.0, owner: PhantomData }
    }

    pub(super) fn into_raw(self) -> *mut DirectoryHeader {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// Turns a pointer of `into_raw` back into the directory; `None` when it is null.
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
        // SAFETY: made by `new` with this layout, and unreachable for other threads.
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
    /// Returns the entries of a directory behind a pointer of `into_raw`; `None` when it is null.
    ///
    /// # Safety
    ///
    /// Neither the directory nor its segments are freed while `'a` lasts.
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

    /// Returns the number of entries.
    #[inline]
    pub(super) fn len(self) -> usize {
        self.head().entry_mask as usize + 1
    }

    /// Returns the number of buckets of each segment.
    #[inline]
    pub(super) fn bucket_count(self) -> usize {
        self.head().bucket_mask as usize + 1
    }

    #[inline]
    fn entry(self, entry: usize) -> &'a AtomicPtr<u8> {
        let entry = entry & self.head().entry_mask as usize;
        // SAFETY: in bounds by the mask, and lasts for `'a`.
        unsafe { SegmentDirectory::entry(self.head, entry).as_ref() }
    }

    /// Returns the buckets of an entry's segment. The index may be a larger number with the same
    /// remainder.
    #[inline]
    pub(super) fn buckets(self, entry: usize) -> Option<Buckets<'a>> {
        // Acquire: the segment is filled before an entry points to it.
        let start = NonNull::new(self.entry(entry).load(Acquire))?;
        Some(Buckets { start, mask: self.head().bucket_mask as usize, owner: PhantomData })
    }

    /// Points entries to a segment, owned by the table from now on.
    pub(super) fn point(self, entries: impl Iterator<Item = usize>, to: Segment) {
        debug_assert_eq!(to.buckets().len(), self.bucket_count(), "one mask for all");
        let start = ManuallyDrop::new(to).start.as_ptr();
        // Release: readers find the segment filled.
        entries.for_each(|entry| self.entry(entry).store(start, Release));
    }

    /// Copies an entry of another directory with segments of the same size.
    pub(super) fn copy(self, entry: usize, other: Entries<'_>, from: usize) {
        self.entry(entry).store(other.entry(from).load(Relaxed), Release);
    }

    /// Returns whether no lower entry points to the same segment.
    pub(super) fn is_first(self, entry: usize) -> bool {
        // The entries of a segment differ in their upper bits alone.
        let other = entry.checked_ilog2().map(|highest| entry ^ 1 << highest);
        other.is_none_or(|other| self.entry(other).load(Relaxed) != self.entry(entry).load(Relaxed))
    }

    /// Takes the segment of an entry.
    ///
    /// # Safety
    ///
    /// This is done once for each segment, and no entry of the table points to it when it is freed.
    pub(super) unsafe fn take(self, entry: usize) -> Segment {
        // SAFETY: `point` has put it there, so it is not null.
        let start = unsafe { NonNull::new_unchecked(self.entry(entry).load(Relaxed)) };
        Segment { start, buckets: self.bucket_count() }
    }
}
