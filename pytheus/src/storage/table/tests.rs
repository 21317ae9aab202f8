//! The work of one change of a table, counted in moved series, not in time.

use super::super::shard::page::Slot;
use super::super::shard::thread::pinned;
use super::{SEGMENT, Series, Table, TableCursor, TableWriter};

/// The limit of one change: the series of a segment, and a few pointers per segment.
const LIMIT: usize = SEGMENT + 128;

struct Numbers {
    table: Table,
    writer: TableWriter,
    hash: fn(u64) -> u64,
}

/// Returns a hash with all bits well mixed.
fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let number = (number ^ number >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ number >> 33
}

fn number_of(series: &Series) -> u64 {
    series.key().1.parse().expect("a number")
}

impl Numbers {
    fn new(hash: fn(u64) -> u64) -> Self {
        Self { table: Table::new(), writer: TableWriter::new(), hash }
    }

    /// Adds a series, and returns how much was moved.
    fn add(&mut self, number: u64) -> usize {
        let (series, hash) = (Series::new(b"", &number.to_string(), 1, Slot::NONE), self.hash);
        self.table.insert(&mut self.writer, hash(number), series, &|series| hash(number_of(series)));
        self.writer.moved
    }

    fn remove(&mut self, number: u64) -> usize {
        let hash = self.hash;
        let is_it = |series: &Series| number_of(series) == number;
        let removed = self.table.remove(&mut self.writer, hash(number), is_it, &|series| hash(number_of(series)));
        assert!(removed.is_some_and(|series| series.is_removed()), "{number} was there");
        self.writer.moved
    }

    fn has(&self, number: u64) -> bool {
        pinned(|pin| self.table.find(pin, (self.hash)(number), |series| number_of(series) == number).is_some())
    }

    fn clear(&mut self) -> (usize, usize) {
        let (hash, mut cursor, mut removed, mut most) = (self.hash, TableCursor::default(), Vec::new(), 0);
        loop {
            let hash_of = |series: &Series| hash(number_of(series));
            let more = self.table.remove_some(&mut self.writer, &mut cursor, &|_| true, &hash_of, &mut removed);
            most = most.max(self.writer.moved);
            if !more {
                return (removed.len(), most);
            }
        }
    }

    fn entries(&self) -> usize {
        self.table.entries().map_or(0, super::buckets::Entries::len)
    }
}

#[test]
fn an_insertion_moves_a_bounded_number_of_series_however_many_there_are() {
    let mut numbers = Numbers::new(mixed);
    let most = (0..200_000).map(|number| numbers.add(number)).max();
    assert!(most.is_some_and(|most| most <= LIMIT), "{most:?} at once");
    assert!((0..200_000).all(|number| numbers.has(number)));
    assert!(!numbers.has(200_000));
    assert!(numbers.entries() > 200_000 / SEGMENT, "it has grown in steps");
}

#[test]
fn removals_move_a_bounded_number_of_series_and_shrink_the_table() {
    let mut numbers = Numbers::new(mixed);
    for number in 0..100_000 {
        numbers.add(number);
    }
    let most = (1..100_000).map(|number| numbers.remove(number)).max();
    assert!(most.is_some_and(|most| most <= LIMIT), "{most:?} at once");
    assert!(numbers.has(0) && !numbers.has(1));
    let buckets = numbers.table.entries().map_or(0, |entries| entries.len() * entries.bucket_count());
    assert!(buckets <= 64, "{buckets} buckets for one series");
}

#[test]
fn clear_moves_a_bounded_number_of_series_per_step_and_shrinks_the_table() {
    let mut numbers = Numbers::new(mixed);
    for number in 0..100_000 {
        numbers.add(number);
    }
    let (removed, most) = numbers.clear();
    assert_eq!((removed, numbers.writer.len()), (100_000, 0));
    // A step may merge two segments with few series for each bit of the hash.
    assert!(most <= LIMIT + 17 * SEGMENT / 8 * 3, "{most} at once");
    assert_eq!(numbers.entries(), 1);
    numbers.add(7);
    assert!(numbers.has(7) && !numbers.has(8));
}

#[test]
fn churn_does_not_grow_the_table() {
    let mut numbers = Numbers::new(mixed);
    for number in 0..10_000 {
        numbers.add(number);
    }
    let before = numbers.entries();
    for number in 10_000..200_000 {
        let moved = numbers.add(number).max(numbers.remove(number - 10_000));
        assert!(moved <= LIMIT, "{moved} at once");
    }
    assert!(numbers.entries() <= before * 2, "{} entries, {before} before", numbers.entries());
    assert!((190_000..200_000).all(|number| numbers.has(number)));
}

#[test]
fn series_with_the_same_hash_are_distinguished() {
    let mut numbers = Numbers::new(|number| number % 2);
    for number in 0..3000 {
        numbers.add(number);
    }
    assert!((0..3000).all(|number| numbers.has(number)) && !numbers.has(3000));
    assert!(numbers.entries() <= 64, "the directory does not grow for nothing: {} entries", numbers.entries());
    assert_eq!(numbers.clear().0, 3000);
}
