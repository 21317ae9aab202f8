//! The file that this process writes.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::atomic::Ordering::Release;
use std::sync::atomic::fence;
use std::sync::{Arc, Mutex};

use crate::backends::custom::{Arena, BackendError, CellAddr, FamilyKey, NewSeries, SeriesKey};
use crate::backends::file::format::{Allocator, FormatError, Header, LogWriter, Mappings, PAGE, Record};
use crate::backends::file::write::SharedFile;
use crate::storage::Page;
use crate::sync;

/// Acts while no other process changes the directory.
pub(crate) type WithDirectory =
    Box<dyn Fn(&mut dyn FnMut() -> io::Result<CellAddr>) -> io::Result<CellAddr> + Send + Sync>;

/// An open file, which may be closed in children.
type FileHandle = Box<dyn Deref<Target = File> + Send + Sync>;

/// The file in which this process counts.
pub(crate) struct WriterFile {
    file: FileHandle,
    header: Header,
    first: &'static Page,
    log: Mutex<WriterLog>,
    shared: Arc<SharedFile>,
    with_directory: WithDirectory,
}

/// The log, and what it says.
struct WriterLog {
    written: LogWriter,
    mappings: Mappings<&'static [Page]>,
    pages: HashMap<(u32, u32), &'static Page>,
    /// Number of a family, by its JSON.
    families: HashMap<String, u32>,
    /// The same, by address: saves writing JSON for each series.
    known: HashMap<usize, (u32, Arc<FamilyKey>)>,
    series: u32,
}

impl WriterFile {
    /// Creates the content of a file that is empty, open for reading and writing, and locked for the life of this
    /// process.
    ///
    /// The handle may be an `Arc<File>`, or one that is closed in children.
    pub(crate) fn create(
        file: impl Deref<Target = File> + Send + Sync + 'static,
        header: Header,
        shared: Arc<SharedFile>,
        with_directory: WithDirectory,
    ) -> io::Result<Self> {
        let (mut mappings, allocator) = (Mappings::leaking(), Allocator::of_new_file(&file, &header)?);
        let first = mappings.place(&file, allocator.end(), 0)?;
        let first = mappings.kept(first).ok_or(io::ErrorKind::UnexpectedEof)?;
        let log = WriterLog {
            written: LogWriter::new(&header, allocator),
            mappings,
            pages: HashMap::new(),
            families: HashMap::new(),
            known: HashMap::new(),
            series: 0,
        };
        Ok(Self { file: Box::new(file), header, first, log: Mutex::new(log), shared, with_directory })
    }

    /// Has short logs compacted, too.
    #[cfg(test)]
    pub(crate) fn compact_often(&self) {
        sync::lock(&self.log).written.compact_often();
    }

    /// Says whether the file is as long as it has grown.
    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        let end = sync::lock(&self.log).written.allocator.end();
        Ok(self.file.metadata()?.len() >= end)
    }

    /// Returns the shared file.
    pub(crate) fn shared_file(&self) -> &Arc<SharedFile> {
        &self.shared
    }

    /// Appends and commits records, reserving room for the `End` records of so many series.
    fn append(&self, log: &mut WriterLog, records: &[u8], live: u64) -> io::Result<()> {
        log.written.append(&self.file, self.first, records, live)
    }

    fn make_page(&self, log: &mut WriterLog, shard: u32, page: u32) -> io::Result<&'static Page> {
        let offset = log.written.allocator.alloc_zeroed(&self.file, PAGE)?;
        let page_ref = log.mappings.place(&self.file, log.written.allocator.end(), offset)?;
        let cells = log.mappings.kept(page_ref).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut records = Vec::new();
        Record::Page { shard, page, offset }.encode(&mut records)?;
        self.append(log, &records, log.written.live)?;
        log.pages.insert((shard, page), cells);
        Ok(cells)
    }

    /// Returns the number of a family, and encodes its record if it is new.
    fn family(log: &mut WriterLog, family: &Arc<FamilyKey>, records: &mut Vec<u8>) -> Result<Numbered, FormatError> {
        if let Some((number, _)) = log.known.get(&address(family)) {
            return Ok(Numbered { number: *number, json: None });
        }
        let json = family.to_json().to_string();
        if let Some(number) = log.families.get(&json) {
            return Ok(Numbered { number: *number, json: Some(json) });
        }
        let number = u32::try_from(log.families.len()).map_err(|_| FormatError::corrupt("it has too many families"))?;
        Record::Family { number, json: json.as_bytes() }.encode(records)?;
        Ok(Numbered { number, json: Some(json) })
    }

    fn write_series(&self, begun: &NewSeries<'_>) -> io::Result<()> {
        let log = &mut *sync::lock(&self.log);
        log.written.maybe_compact(&self.file, &self.header, self.first);
        let mut records = Vec::new();
        let Numbered { number: family, json } = Self::family(log, begun.family, &mut records)?;
        let (head, text) = begun.series.parts();
        let (number, is_zero_series, at) = (log.series, begun.is_zero_series, begun.at);
        Record::Series { number, family, is_zero_series, at, head, text }.encode(&mut records)?;
        let next = number.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
        self.append(log, &records, log.written.live + 1)?;
        log.series = next;
        if let Some(json) = json {
            log.families.insert(json, family);
            // Of equal families, the last one is kept alive, and known by its address.
            log.known.retain(|_, (known, _)| *known != family);
            log.known.insert(address(begun.family), (family, Arc::clone(begun.family)));
        }
        Ok(())
    }
}

struct Numbered {
    number: u32,
    /// Its JSON, when it was not known by its address.
    json: Option<String>,
}

fn address(family: &Arc<FamilyKey>) -> usize {
    Arc::as_ptr(family).addr()
}

impl Arena for WriterFile {
    fn page(&self, shard: u32, page: u32) -> Option<&'static Page> {
        if page >= CellAddr::FIRST_SHARED_PAGE {
            return if shard == 0 { self.shared.page(page) } else { None };
        }
        let log = &mut *sync::lock(&self.log);
        match log.pages.get(&(shard, page)) {
            Some(known) => Some(known),
            None => self.make_page(log, shard, page).ok(),
        }
    }

    fn add_series(&self, series: &NewSeries<'_>) -> Result<(), BackendError> {
        self.write_series(series).map_err(|error| refused("take a series", &error))
    }

    fn add_cells(&self, series: CellAddr, extra: CellAddr) -> Result<(), BackendError> {
        let log = &mut *sync::lock(&self.log);
        log.written.maybe_compact(&self.file, &self.header, self.first);
        let mut records = Vec::new();
        Record::ExtraCells { series, extra }.encode(&mut records).map_err(|fault| fault.what)?;
        // A shared series ends here without a record of its start.
        let live = log.written.live + u64::from(series.page >= CellAddr::FIRST_SHARED_PAGE);
        self.append(log, &records, live).map_err(|error| refused("take more of a series", &error))
    }

    fn free_series(&self, series: CellAddr) {
        let log = &mut *sync::lock(&self.log);
        let mut records = Vec::new();
        // Room was reserved. On another error, the series stays in the log.
        let _ = Record::End { series }.encode(&mut records);
        let _ = self.append(log, &records, log.written.live.saturating_sub(1));
        // A reader of what is written to the cells from now on sees that the series has ended.
        fence(Release);
    }

    fn shared_cells(
        &self,
        family: &Arc<FamilyKey>,
        series: &SeriesKey,
        is_zero_series: bool,
    ) -> Result<CellAddr, BackendError> {
        if let Some(at) = self.shared.find(family, series, is_zero_series)? {
            return Ok(at);
        }
        let at = (self.with_directory)(&mut || self.shared.find_or_add(family, series, is_zero_series));
        at.map_err(|error| format!("the shared file can't take a series: {error}").into())
    }
}

fn refused(what: &str, error: &io::Error) -> BackendError {
    format!("the file of this process can't {what}: {error}").into()
}

impl fmt::Debug for WriterFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnFile").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
