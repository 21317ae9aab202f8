//! A file as it is read: its header, its log as far as that was taken in, and the pages of cells.

use std::fs::{File, OpenOptions};
use std::ops::Deref;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;

use crate::backends::custom::CellAddr;
use crate::backends::file::dir::plain_file;
use crate::backends::file::format::{Cursor, FormatError, Header, LogGeneration, Mappings, PageRef};
use crate::backends::file::read::LogIndex;
use crate::storage::Page;

/// A file as it is read.
#[derive(Debug)]
pub(crate) struct Reader<M> {
    pub(crate) file: File,
    pub(crate) header: Header,
    pub(crate) index: LogIndex,
    pub(crate) cursor: Cursor,
    /// The log that this is of. The numbers of its families and series are those of all before it, but not their places.
    pub(crate) generation: LogGeneration,
    mappings: Mappings<M>,
    first: PageRef,
    /// What was wrong: nothing is read any more.
    fault: Option<FormatError>,
}

/// Opens a file that is there, for writing, too: [`Mapped`](crate::storage::Mapped) wants that.
pub(crate) fn open(path: &Path) -> Result<File, FormatError> {
    Ok(plain_file::open(OpenOptions::new().read(true).write(true), path)?)
}

impl<M: Deref<Target = [Page]>> Reader<M> {
    /// Reads the header. The log is read by [`refresh`](Self::refresh).
    pub(crate) fn new(file: File, mut mappings: Mappings<M>, shared: bool) -> Result<Self, FormatError> {
        let len = file.metadata()?.len();
        let mut bytes = [0; Header::LEN];
        file.read_exact_at(&mut bytes, 0)?;
        let header = Header::decode(&bytes)?;
        let first = mappings.place(&file, len, 0)?;
        let generation = LogGeneration::FIRST;
        let (index, cursor) = (LogIndex::new(shared), Cursor::new(&header, generation));
        Ok(Self { file, header, index, cursor, generation, mappings, first, fault: None })
    }

    /// Takes in what is new in the log; says whether anything is. What was read of cells before belongs to the series that
    /// have not ended now: others count in its cells only after the log says that it has.
    pub(crate) fn refresh(&mut self) -> Result<bool, FormatError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let read = self.read_log();
        self.fault = read.as_ref().err().cloned();
        read
    }

    fn read_log(&mut self) -> Result<bool, FormatError> {
        // Before anything that is mapped is read: there is nothing behind what was cut off.
        self.len()?;
        let (before, offset) = (self.generation, self.cursor.offset());
        // Another log takes the place of one that has grown: so often in a row that is no program's business.
        for _ in 0..1000 {
            let (generation, committed) = LogGeneration::committed(self.first()?);
            if generation != self.generation {
                self.generation = generation;
                self.cursor = Cursor::new(&self.header, generation);
                self.index = self.index.fresh();
            }
            if self.read_to(committed)? {
                return Ok(generation != before || self.cursor.offset() != offset);
            }
        }
        Err(FormatError::corrupt("its log is another one all the time"))
    }

    /// Takes in the log up to there; false when another log counts meanwhile.
    fn read_to(&mut self, committed: u64) -> Result<bool, FormatError> {
        let mut bytes = Vec::new();
        while self.cursor.offset() != committed {
            let len = self.len()?;
            self.cursor.read_extent(&self.file, len, committed, &mut bytes)?;
            if LogGeneration::now(self.first()?) != self.generation {
                return Ok(false);
            }
            let Self { file, index, cursor, mappings, .. } = self;
            let mut place = |offset| mappings.place(file, len, offset);
            cursor.replay(&bytes, len, &mut |record| index.apply(record, &mut place))?;
        }
        Ok(true)
    }

    /// Says whether all that is mapped is still there.
    pub(crate) fn check_len(&self) -> Result<(), FormatError> {
        self.len().map(drop)
    }

    /// How long the file is, which is never less than what is mapped.
    fn len(&self) -> Result<u64, FormatError> {
        let len = self.file.metadata()?.len();
        if len < self.mappings.end() { Err(FormatError::truncated("it was longer before")) } else { Ok(len) }
    }

    /// Its first page.
    pub(crate) fn first(&self) -> Result<&Page, FormatError> {
        self.mappings.page(self.first).ok_or_else(|| FormatError::truncated("it has no first page"))
    }

    /// The cells from there to the end of the page, for each shard that has them, with the number of the shard.
    #[inline]
    pub(crate) fn cells(&self, at: CellAddr) -> impl Iterator<Item = (u32, &[AtomicU64])> {
        let first = at.cell as usize;
        self.pages(at.page).filter_map(move |(shard, page)| Some((shard, page.cells().get(first..)?)))
    }

    /// Each shard's page of this number.
    #[inline]
    pub(crate) fn pages(&self, page: u32) -> impl Iterator<Item = (u32, &Page)> {
        let placed = self.index.locations(page).iter();
        placed.filter_map(|placed| Some((placed.shard, self.mappings.page(placed.page_ref)?)))
    }

    /// The cells of shard 0 from there on.
    pub(crate) fn shared_cells(&self, at: CellAddr) -> Option<&[AtomicU64]> {
        self.cells(at).find(|(shard, _)| *shard == 0).map(|(_, cells)| cells)
    }

    /// Work in progress of the series that begins there.
    pub(crate) fn in_progress(&self, at: CellAddr) -> u64 {
        let Some(extra) = self.index.extra(at) else { return 0 };
        let sum = |place: usize| {
            let cells = self.cells(extra).filter_map(|(_, cells)| cells.get(place));
            cells.fold(0, |sum: u64, cell| sum.wrapping_add(cell.load(Acquire)))
        };
        // In this order: of what has ended, the beginning is seen, too.
        let ended = sum(1);
        let begun = sum(0);
        u64::try_from(begun.wrapping_sub(ended).cast_signed()).unwrap_or_default()
    }
}

impl Reader<&'static [Page]> {
    /// The page of this number of shard 0, for the rest of the process.
    pub(crate) fn kept(&self, page: u32) -> Option<&'static Page> {
        let placed = self.index.locations(page).iter().find(|placed| placed.shard == 0)?;
        self.mappings.kept(placed.page_ref)
    }
}

/// The value of a gauge, of its cells in shard 0; `None` when it was never set.
pub(crate) fn gauge_value(cells: &[AtomicU64]) -> Option<f64> {
    let bits = cells.first()?.load(Acquire);
    // Takes the sign of zero away, which tells it from what was never set.
    (bits != 0).then(|| f64::from_bits(bits) + 0.0)
}

/// Is there, or was there, work in progress of a gauge, as its cells in shard 0 say?
pub(crate) fn gauge_is_tracked(cells: &[AtomicU64]) -> bool {
    cells.get(1).is_some_and(|mark| mark.load(Acquire) != 0)
}
