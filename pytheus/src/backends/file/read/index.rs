//! What the log of a file says.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backends::custom::{CellAddr, FamilyKey, SeriesKey};
use crate::backends::file::format::{CELLS, FormatError, PAGE, PageRef, Record, parse_family, parse_series};
use crate::model::descriptor::Kind;

/// A series, as the log of a file knows it.
#[derive(Debug, Clone)]
pub(crate) struct PeerSeries {
    /// Its own number in the file, which no other one of the file ever has.
    pub(crate) number: u32,
    /// The number of its family in the file.
    pub(crate) family: u32,
    pub(crate) key: SeriesKey,
    pub(crate) at: CellAddr,
    /// Where it goes on.
    pub(crate) extra: Option<CellAddr>,
    /// Shows before anyone has counted in it.
    pub(crate) promised: bool,
    /// Nobody counts in it any more, and its cells may belong to another one.
    pub(crate) ended: bool,
}

/// What the log of a file says.
#[derive(Debug)]
pub(crate) struct LogIndex {
    /// Whether its pages are those that all processes write.
    shared: bool,
    pub(crate) families: Vec<Arc<FamilyKey>>,
    /// By number. Those that ended long ago may be missing.
    pub(crate) series: Vec<PeerSeries>,
    /// Those that have not ended, by where they begin.
    by_at: HashMap<CellAddr, usize>,
    /// Where work in progress is of series that have no record here, and which record says so.
    foreign_extras: HashMap<CellAddr, (CellAddr, u64)>,
    /// By page, where it lies for each shard.
    locations_by_page: HashMap<u32, Vec<PageLocation>, foldhash::fast::RandomState>,
    /// The shard and number of each page.
    pages: HashSet<(u32, u32)>,
    /// Where they lie in the file.
    offsets: HashSet<u64>,
    /// No page lies further.
    end: u64,
    /// After the cells of the last series.
    next: CellAddr,
    /// Records taken in, those of logs before this one included.
    taken: u64,
}

/// A page of cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLocation {
    pub(crate) shard: u32,
    pub(crate) page_ref: PageRef,
}

/// Pages that there can be.
const PAGES: u32 = CellAddr::FIRST_SHARED_PAGE * 2;

impl LogIndex {
    pub(crate) fn new(shared: bool) -> Self {
        Self {
            shared,
            families: Vec::new(),
            series: Vec::new(),
            by_at: HashMap::new(),
            foreign_extras: HashMap::new(),
            locations_by_page: HashMap::default(),
            pages: HashSet::new(),
            offsets: HashSet::new(),
            end: 0,
            next: CellAddr { page: CellAddr::FIRST_SHARED_PAGE, cell: 0 },
            taken: 0,
        }
    }

    /// Of another log of the same file.
    pub(crate) fn fresh(&self) -> Self {
        Self { taken: self.taken, ..Self::new(self.shared) }
    }

    /// Takes in the next record. `place` finds the page of the file that begins there.
    pub(crate) fn apply(
        &mut self,
        record: &Record<'_>,
        place: &mut dyn FnMut(u64) -> Result<PageRef, FormatError>,
    ) -> Result<(), FormatError> {
        self.taken += 1;
        match *record {
            Record::Family { number, json } => self.family(number, json),
            Record::Series { number, family, promised, at, head, text } => {
                let known = self.families.get(family as usize);
                let known = known.ok_or_else(|| FormatError::corrupt("a series is of a family that is not there"))?;
                let key = parse_series(known, head, text)?;
                let cells = u32::try_from(known.cells()).unwrap_or(u32::MAX);
                check_run(at, cells)?;
                self.series(cells, PeerSeries { number, family, key, at, extra: None, promised, ended: false })
            }
            Record::ExtraCells { series, extra } => self.extend(series, extra),
            Record::End { series } => self.end_series(series),
            Record::Page { shard, page, offset } => self.page(shard, page, offset, place),
            Record::PreInit { series, promised } => {
                let known = self.by_at.get(&series).and_then(|number| self.series.get_mut(*number));
                known.ok_or_else(unknown)?.promised = promised;
                Ok(())
            }
            // The log follows these by itself.
            Record::NextExtent { .. } | Record::Unknown => Ok(()),
            _ => Err(FormatError::corrupt("a record of an archive stands in its log")),
        }
    }

    fn family(&mut self, number: u32, json: &[u8]) -> Result<(), FormatError> {
        if usize::try_from(number).ok() != Some(self.families.len()) {
            return Err(out_of_order());
        }
        self.families.push(parse_family(json)?);
        Ok(())
    }

    fn series(&mut self, cells: u32, series: PeerSeries) -> Result<(), FormatError> {
        if series.number < self.next_number().ok_or_else(out_of_order)? {
            return Err(out_of_order());
        }
        match self.by_at.entry(series.at) {
            Entry::Occupied(_) => return Err(FormatError::corrupt("two series begin in the same cell")),
            Entry::Vacant(place) => place.insert(self.series.len()),
        };
        let after = CellAddr { page: series.at.page, cell: series.at.cell + cells };
        self.next = self.next.max(after);
        self.series.push(series);
        Ok(())
    }

    fn extend(&mut self, at: CellAddr, extra: CellAddr) -> Result<(), FormatError> {
        let known = self.by_at.get(&at).and_then(|number| self.series.get_mut(*number));
        let family = known.as_ref().and_then(|series| self.families.get(series.family as usize));
        // Work begun, and ended; or fractions.
        let cells = if family.is_some_and(|family| family.descriptor().kind() == Kind::Counter) { 1 } else { 2 };
        check_run(extra, cells)?;
        if extra.page >= CellAddr::FIRST_SHARED_PAGE {
            return Err(FormatError::corrupt("a series goes on where all processes write"));
        }
        let extra_cells = match known {
            Some(series) => series.extra.get_or_insert(extra),
            None if at.page >= CellAddr::FIRST_SHARED_PAGE && !self.shared => {
                check_run(at, 1)?;
                &mut self.foreign_extras.entry(at).or_insert((extra, self.taken)).0
            }
            None => return Err(unknown()),
        };
        if *extra_cells == extra { Ok(()) } else { Err(FormatError::corrupt("a series goes on in two places")) }
    }

    fn end_series(&mut self, at: CellAddr) -> Result<(), FormatError> {
        let foreign_extras = self.foreign_extras.remove(&at).is_some();
        match self.by_at.remove(&at).and_then(|number| self.series.get_mut(number)) {
            Some(series) => series.ended = true,
            None if foreign_extras => {}
            None => return Err(unknown()),
        }
        Ok(())
    }

    fn page(
        &mut self,
        shard: u32,
        page: u32,
        offset: u64,
        place: &mut dyn FnMut(u64) -> Result<PageRef, FormatError>,
    ) -> Result<(), FormatError> {
        let is_ours = if self.shared {
            shard == 0 && page >= CellAddr::FIRST_SHARED_PAGE
        } else {
            page < CellAddr::FIRST_SHARED_PAGE
        };
        if page >= PAGES || !is_ours {
            return Err(FormatError::corrupt("it has a page of cells that can't be its own"));
        }
        if offset < PAGE || !self.pages.insert((shard, page)) || !self.offsets.insert(offset) {
            return Err(FormatError::corrupt("it has a page of cells twice"));
        }
        self.locations_by_page.entry(page).or_default().push(PageLocation { shard, page_ref: place(offset)? });
        self.end = self.end.max(offset + PAGE);
        Ok(())
    }

    /// Where a page lies, for each shard that has it.
    #[inline]
    pub(crate) fn locations(&self, page: u32) -> &[PageLocation] {
        self.locations_by_page.get(&page).map_or(&[], Vec::as_slice)
    }

    /// The pages that it has.
    pub(crate) fn pages(&self) -> impl Iterator<Item = u32> {
        self.locations_by_page.keys().copied()
    }

    /// The number of the next series, if there can be one more.
    pub(crate) fn next_number(&self) -> Option<u32> {
        self.series.last().map_or(Some(0), |last| last.number.checked_add(1))
    }

    /// The place of the series of this number, if it is there.
    pub(crate) fn numbered(&self, number: u32) -> Option<usize> {
        self.series.binary_search_by_key(&number, |series| series.number).ok()
    }

    /// The place of the series that begins there, if it has not ended.
    pub(crate) fn at(&self, at: CellAddr) -> Option<usize> {
        self.by_at.get(&at).copied()
    }

    /// Where the work in progress is of a series that begins there.
    pub(crate) fn extra(&self, at: CellAddr) -> Option<CellAddr> {
        let known = self.at(at).and_then(|number| self.series.get(number)).and_then(|series| series.extra);
        known.or_else(|| self.foreign_extras.get(&at).map(|(extra, _)| *extra))
    }

    /// The record that says where the work in progress is of a series that has none here: another one each time that the
    /// series ends and begins anew, and in each log.
    pub(crate) fn extra_record(&self, at: CellAddr) -> Option<u64> {
        self.foreign_extras.get(&at).map(|(_, record)| *record)
    }

    /// No page lies further.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Where there is room for a series of so many cells, if anywhere.
    pub(crate) fn room(&self, cells: u32) -> Option<CellAddr> {
        let CellAddr { page, cell } = self.next;
        let next = if cell + cells <= CELLS { self.next } else { CellAddr { page: page + 1, cell: 0 } };
        (next.page < PAGES && cells <= CELLS).then_some(next)
    }
}

fn unknown() -> FormatError {
    FormatError::corrupt("a record is of a series that is not there")
}

fn out_of_order() -> FormatError {
    FormatError::corrupt("its records are not in order")
}

/// Do so many cells lie in a page that there can be?
fn check_run(at: CellAddr, cells: u32) -> Result<(), FormatError> {
    let in_page = at.cell.checked_add(cells).is_some_and(|end| end <= CELLS);
    if in_page && at.page < PAGES {
        Ok(())
    } else {
        Err(FormatError::corrupt("a series leaves the cells that there are"))
    }
}

#[cfg(test)]
mod tests;
