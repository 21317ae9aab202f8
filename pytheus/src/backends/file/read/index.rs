//! The index of a log, in memory.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::backends::custom::{CellAddr, FamilyKey, SeriesKey};
use crate::backends::file::format::{CELLS, FormatError, PAGE, PageRef, Record, parse_family, parse_series};
use crate::model::descriptor::Kind;

/// A series in a log.
#[derive(Debug, Clone)]
pub(crate) struct PeerSeries {
    /// Number in the file, never reused.
    pub(crate) number: u32,
    /// Number of its family in the file.
    pub(crate) family: u32,
    pub(crate) key: SeriesKey,
    pub(crate) at: CellAddr,
    /// Address of its extra cells.
    pub(crate) extra: Option<CellAddr>,
    /// Whether it is a zero series: shown before it is counted in.
    pub(crate) is_zero_series: bool,
    /// Whether it is over, and its cells may be reused.
    pub(crate) ended: bool,
}

/// The families, series and pages of a log.
#[derive(Debug, Default)]
pub(crate) struct LogIndex {
    /// Whether it is the log of the shared file.
    shared: bool,
    pub(crate) families: Vec<Arc<FamilyKey>>,
    /// Sorted by number. Series that ended before a compaction are missing.
    pub(crate) series: Vec<PeerSeries>,
    /// Index of each live series, by its address.
    by_at: HashMap<CellAddr, usize>,
    /// Extra cells of series in the shared file, and the number of the record.
    foreign_extras: HashMap<CellAddr, (CellAddr, u64)>,
    /// Locations of a page in each shard, by its number.
    locations_by_page: HashMap<u32, Vec<PageLocation>, foldhash::fast::RandomState>,
    /// Shard and number of each page.
    pages: HashSet<(u32, u32)>,
    /// Offsets of all pages.
    offsets: HashSet<u64>,
    /// End of the last page.
    end: u64,
    /// Address behind the last series.
    next: Option<CellAddr>,
    /// Number of records that were applied, in all generations.
    taken: u64,
}

/// Location of a page of cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageLocation {
    pub(crate) shard: u32,
    pub(crate) page_ref: PageRef,
}

/// Most pages.
const PAGES: u32 = CellAddr::FIRST_SHARED_PAGE * 2;

impl LogIndex {
    pub(crate) fn new(shared: bool) -> Self {
        Self { shared, ..Self::default() }
    }

    /// Returns an empty index, for another log of the same file.
    pub(crate) fn fresh(&self) -> Self {
        Self { taken: self.taken, ..Self::new(self.shared) }
    }

    /// Applies a record. `place` maps the page at an offset.
    pub(crate) fn apply(
        &mut self,
        record: &Record<'_>,
        place: &mut dyn FnMut(u64) -> Result<PageRef, FormatError>,
    ) -> Result<(), FormatError> {
        self.taken += 1;
        match *record {
            Record::Family { number, json } => self.family(number, json),
            Record::Series { number, family, is_zero_series, at, head, text } => {
                let known = self.families.get(family as usize);
                let known = known.ok_or_else(|| FormatError::corrupt("a series is of an unknown family"))?;
                let key = parse_series(known, head, text)?;
                let cells = u32::try_from(known.cells()).unwrap_or(u32::MAX);
                check_run(at, cells)?;
                self.series(cells, PeerSeries { number, family, key, at, extra: None, is_zero_series, ended: false })
            }
            Record::ExtraCells { series, extra } => self.extend(series, extra),
            Record::End { series } => self.end_series(series),
            Record::Page { shard, page, offset } => self.page(shard, page, offset, place),
            Record::ZeroSeries { series, is_zero_series } => {
                let known = self.by_at.get(&series).and_then(|number| self.series.get_mut(*number));
                known.ok_or_else(unknown)?.is_zero_series = is_zero_series;
                Ok(())
            }
            // `Cursor` follows extents.
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
        self.next = self.next.max(Some(after));
        self.series.push(series);
        Ok(())
    }

    fn extend(&mut self, at: CellAddr, extra: CellAddr) -> Result<(), FormatError> {
        let known = self.by_at.get(&at).and_then(|number| self.series.get_mut(*number));
        let family = known.as_ref().and_then(|series| self.families.get(series.family as usize));
        // Work started and ended, or fractions.
        let cells = if family.is_some_and(|family| family.descriptor().kind() == Kind::Counter) { 1 } else { 2 };
        check_run(extra, cells)?;
        if extra.page >= CellAddr::FIRST_SHARED_PAGE {
            return Err(FormatError::corrupt("a series has its extra cells in the shared file"));
        }
        let extra_cells = match known {
            Some(series) => series.extra.get_or_insert(extra),
            None if at.page >= CellAddr::FIRST_SHARED_PAGE && !self.shared => {
                check_run(at, 1)?;
                &mut self.foreign_extras.entry(at).or_insert((extra, self.taken)).0
            }
            None => return Err(unknown()),
        };
        if *extra_cells == extra {
            Ok(())
        } else {
            Err(FormatError::corrupt("a series has extra cells at two addresses"))
        }
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
            return Err(FormatError::corrupt("it has a page of cells with an impossible number"));
        }
        if offset < PAGE || !self.pages.insert((shard, page)) || !self.offsets.insert(offset) {
            return Err(FormatError::corrupt("it has a page of cells twice"));
        }
        self.locations_by_page.entry(page).or_default().push(PageLocation { shard, page_ref: place(offset)? });
        self.end = self.end.max(offset + PAGE);
        Ok(())
    }

    /// Returns the locations of a page, one for each shard that has it.
    #[inline]
    pub(crate) fn locations(&self, page: u32) -> &[PageLocation] {
        self.locations_by_page.get(&page).map_or(&[], Vec::as_slice)
    }

    /// Returns the numbers of all pages.
    pub(crate) fn pages(&self) -> impl Iterator<Item = u32> {
        self.locations_by_page.keys().copied()
    }

    /// Returns the number of the next series, if there can be one more.
    pub(crate) fn next_number(&self) -> Option<u32> {
        self.series.last().map_or(Some(0), |last| last.number.checked_add(1))
    }

    /// Returns the index of the series of this number.
    pub(crate) fn numbered(&self, number: u32) -> Option<usize> {
        self.series.binary_search_by_key(&number, |series| series.number).ok()
    }

    /// Returns the index of the live series at this address.
    pub(crate) fn at(&self, at: CellAddr) -> Option<usize> {
        self.by_at.get(&at).copied()
    }

    /// Returns the extra cells of the series at this address.
    pub(crate) fn extra(&self, at: CellAddr) -> Option<CellAddr> {
        let known = self.at(at).and_then(|number| self.series.get(number)).and_then(|series| series.extra);
        known.or_else(|| self.foreign_extras.get(&at).map(|(extra, _)| *extra))
    }

    /// Returns the number of the record of extra cells, for a series of the shared file. It is another one each time
    /// that the series is registered anew, and in each log.
    pub(crate) fn extra_record(&self, at: CellAddr) -> Option<u64> {
        self.foreign_extras.get(&at).map(|(_, record)| *record)
    }

    /// Returns the end of the last page.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Returns an address with room for so many cells.
    pub(crate) fn room(&self, cells: u32) -> Option<CellAddr> {
        let first = CellAddr { page: CellAddr::FIRST_SHARED_PAGE, cell: 0 };
        let CellAddr { page, cell } = self.next.unwrap_or(first).max(first);
        let next = if cell + cells <= CELLS { CellAddr { page, cell } } else { CellAddr { page: page + 1, cell: 0 } };
        (next.page < PAGES && cells <= CELLS).then_some(next)
    }
}

fn unknown() -> FormatError {
    FormatError::corrupt("a record is of an unknown series")
}

fn out_of_order() -> FormatError {
    FormatError::corrupt("its records are not in order")
}

/// Checks that a run of cells lies in one page.
fn check_run(at: CellAddr, cells: u32) -> Result<(), FormatError> {
    let in_page = at.cell.checked_add(cells).is_some_and(|end| end <= CELLS);
    if in_page && at.page < PAGES {
        Ok(())
    } else {
        Err(FormatError::corrupt("a series has cells outside of its page"))
    }
}

#[cfg(test)]
mod tests;
