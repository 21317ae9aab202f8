//! The file that all processes write: shared gauges and state sets.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex};

use crate::backends::custom::{CellAddr, FamilyKey, SeriesKey};
use crate::backends::file::dir::{create, remove_file};
use crate::backends::file::format::{Allocator, FileId, FormatError, Header, Mappings, PAGE, Record, SkippedFile};
use crate::backends::file::read::{PeerSeries, Reader, reader};
use crate::storage::Page;
use crate::sync;

/// The file that all processes write.
pub(crate) struct SharedFile {
    pub(crate) path: PathBuf,
    inode: u64,
    log: Mutex<SharedLog>,
    /// Apart from the log, so that cells can be read while the log is locked.
    pages: Mutex<HashMap<u32, &'static Page>>,
}

struct SharedLog {
    reader: Reader<&'static [Page]>,
    /// Number of a family, by [`FamilyKey::id`].
    families: HashMap<String, u32>,
    /// Index of a series, by family and key.
    series: HashMap<(u32, SeriesKey), usize>,
    /// Number of families and of series in these maps.
    indexed: (usize, usize),
}

impl SharedFile {
    /// Opens the file. The caller holds the directory lock.
    pub(crate) fn open(path: &Path) -> Result<Self, FormatError> {
        let reader = Reader::new(reader::open(path)?, Mappings::leaking(), true)?;
        // Held while it is mapped, by children, too: it is not compacted meanwhile.
        reader.file.try_lock_shared().map_err(io::Error::from)?;
        let inode = reader.file.metadata()?.ino();
        let log = SharedLog { reader, families: HashMap::new(), series: HashMap::new(), indexed: (0, 0) };
        let opened = Self { path: path.to_owned(), inode, log: Mutex::new(log), pages: Mutex::default() };
        opened.read(&mut sync::lock(&opened.log))?;
        Ok(opened)
    }

    /// Reads new records; says whether there are any.
    fn read(&self, log: &mut SharedLog) -> Result<bool, FormatError> {
        let is_new = log.reader.refresh()?;
        if is_new {
            log.index();
            let mut pages = sync::lock(&self.pages);
            for page in log.reader.index.pages() {
                if let Some(kept) = log.reader.kept(page) {
                    pages.insert(page, kept);
                }
            }
        }
        Ok(is_new)
    }

    /// Returns the inode of the open file.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    /// Reads new records; says whether there are any.
    pub(crate) fn refresh(&self) -> Result<bool, SkippedFile> {
        self.read(&mut sync::lock(&self.log)).map_err(|fault| fault.at(&self.path))
    }

    /// Returns the address of a series, if it exists, and is a zero series where it should be.
    pub(crate) fn find(
        &self,
        family: &FamilyKey,
        series: &SeriesKey,
        is_zero_series: bool,
    ) -> Result<Option<CellAddr>, SkippedFile> {
        let log = &mut *sync::lock(&self.log);
        self.read(log).map_err(|fault| fault.at(&self.path))?;
        let (_, found) = log.look_up(family, series);
        Ok(found.filter(|found| found.is_zero_series || !is_zero_series).map(|found| found.at))
    }

    /// Returns the address of a series, which is added if it is new. The caller holds the directory lock.
    pub(crate) fn find_or_add(
        &self,
        family: &FamilyKey,
        series: &SeriesKey,
        is_zero_series: bool,
    ) -> io::Result<CellAddr> {
        let log = &mut *sync::lock(&self.log);
        self.read(log)?;
        let mut records = Vec::new();
        let mut allocator = log.allocator()?;
        let (known, found) = log.look_up(family, series);
        let at = match found {
            Some(found) if found.is_zero_series || !is_zero_series => return Ok(found.at),
            Some(found) => {
                Record::ZeroSeries { series: found.at, is_zero_series }.encode(&mut records)?;
                found.at
            }
            None => log.add((known, family), series, is_zero_series, &mut allocator, &mut records)?,
        };
        log.append(&mut allocator, &records)?;
        self.read(log)?;
        Ok(at)
    }

    /// Clears the cells of a series.
    pub(crate) fn unset(&self, at: CellAddr) {
        Self::clear(&sync::lock(&self.log), at);
    }

    fn clear(log: &SharedLog, at: CellAddr) {
        let index = &log.reader.index;
        let series = index.at(at).and_then(|number| index.series.get(number));
        let family = series.and_then(|series| index.families.get(series.family as usize));
        let cells = log.reader.shared_cells(at).unwrap_or_default().iter();
        cells.take(family.map_or(0, |family| family.cells())).for_each(|cell| cell.store(0, Release));
    }

    /// Removes a series: it is hidden until it is set again. The caller holds the directory lock.
    pub(crate) fn remove(&self, at: CellAddr) -> io::Result<()> {
        let log = &mut *sync::lock(&self.log);
        self.read(log)?;
        let index = &log.reader.index;
        let Some(series) = index.at(at).and_then(|number| index.series.get(number)) else {
            return Ok(());
        };
        if series.is_zero_series {
            let mut records = Vec::new();
            Record::ZeroSeries { series: at, is_zero_series: false }.encode(&mut records)?;
            log.append(&mut log.allocator()?, &records)?;
            self.read(log)?;
        }
        Self::clear(log, at);
        Ok(())
    }

    /// Returns a page, from [`CellAddr::FIRST_SHARED_PAGE`] on.
    pub(crate) fn page(&self, page: u32) -> Option<&'static Page> {
        self.known_page(page).or_else(|| {
            self.refresh().ok()?;
            self.known_page(page)
        })
    }

    fn known_page(&self, page: u32) -> Option<&'static Page> {
        sync::lock(&self.pages).get(&page).copied()
    }

    /// Returns the cells from an address to the end of the page.
    pub(crate) fn cells(&self, at: CellAddr) -> &'static [AtomicU64] {
        let page = self.known_page(at.page);
        page.and_then(|page| page.cells().get(at.cell as usize..)).unwrap_or_default()
    }

    /// Returns the value of a gauge, without work in progress; `None` when it was never set or tracked.
    pub(crate) fn value(&self, at: CellAddr) -> Option<f64> {
        let cells = self.cells(at);
        reader::gauge_value(cells).or_else(|| reader::gauge_is_tracked(cells).then_some(0.0))
    }

    /// Returns the flags of a state set.
    pub(crate) fn flags(&self, at: CellAddr) -> u64 {
        self.cells(at).first().map_or(0, |cell| cell.load(Acquire))
    }

    /// Shows each series with its index and family, as far as they were [read](Self::refresh), in a stable order.
    /// Meanwhile the log is locked; cells can be read.
    pub(crate) fn each(&self, mut show: impl FnMut(usize, &Arc<FamilyKey>, &PeerSeries)) {
        let log = sync::lock(&self.log);
        let index = &log.reader.index;
        for (number, series) in index.series.iter().enumerate() {
            if let Some(family) = index.families.get(series.family as usize) {
                show(number, family, series);
            }
        }
    }
}

impl SharedLog {
    /// Indexes new families and series.
    fn index(&mut self) {
        let index = &self.reader.index;
        let (families, series) = &mut self.indexed;
        for (number, family) in (0..).zip(&index.families).skip(*families) {
            self.families.entry(family.id()).or_insert(number);
        }
        for (number, one) in index.series.iter().enumerate().skip(*series) {
            self.series.entry((one.family, one.key.clone())).or_insert(number);
        }
        self.indexed = (index.families.len(), index.series.len());
    }

    /// Returns the number of a declaration, and the series.
    fn look_up(&self, family: &FamilyKey, series: &SeriesKey) -> (Option<u32>, Option<&PeerSeries>) {
        let index = &self.reader.index;
        let number = self.families.get(&family.id()).copied();
        let found = number.and_then(|number| self.series.get(&(number, series.clone())));
        (number, found.and_then(|number| index.series.get(*number)))
    }

    /// Encodes the records of a new series, and returns its address.
    fn add(
        &self,
        (known, family): (Option<u32>, &FamilyKey),
        series: &SeriesKey,
        is_zero_series: bool,
        allocator: &mut Allocator,
        records: &mut Vec<u8>,
    ) -> io::Result<CellAddr> {
        let Reader { file, index, .. } = &self.reader;
        let full = || io::Error::from(io::ErrorKind::FileTooLarge);
        let cells = u32::try_from(family.cells()).map_err(|_| full())?;
        let at = index.room(cells).ok_or_else(full)?;
        if index.locations(at.page).is_empty() {
            let offset = allocator.alloc_zeroed(file, PAGE)?;
            // A process that crashed before its commit may have written there.
            file.write_all_at(&[0; size_of::<Page>()], offset)?;
            Record::Page { shard: 0, page: at.page, offset }.encode(records)?;
        }
        let family = if let Some(number) = known {
            number
        } else {
            let number = u32::try_from(index.families.len()).map_err(|_| full())?;
            let json = family.to_json().to_string();
            Record::Family { number, json: json.as_bytes() }.encode(records)?;
            number
        };
        let number = index.next_number().ok_or_else(full)?;
        let (head, text) = series.parts();
        Record::Series { number, family, is_zero_series, at, head, text }.encode(records)?;
        Ok(at)
    }

    /// Returns an allocator for the file, as far as the log was read.
    fn allocator(&self) -> io::Result<Allocator> {
        let taken = self.reader.index.end().max(self.reader.cursor.extent_end());
        Ok(Allocator::new(taken, self.reader.file.metadata()?.len()))
    }

    /// Appends and commits records.
    fn append(&self, allocator: &mut Allocator, records: &[u8]) -> io::Result<()> {
        let mut cursor = self.reader.cursor;
        let len = cursor.append(&self.reader.file, allocator, records, 0)?;
        self.reader.generation.commit(self.reader.first()?, len);
        Ok(())
    }
}

/// Stages an empty file.
pub(crate) fn create_shared_file(path: &Path) -> Result<PathBuf, FormatError> {
    let new = path.with_file_name("new-shared");
    remove_file(&new)?;
    let file = create(&new)?;
    Allocator::of_new_file(&file, &Header::new(FileId::random(), 0))?;
    Ok(new)
}

impl fmt::Debug for SharedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
