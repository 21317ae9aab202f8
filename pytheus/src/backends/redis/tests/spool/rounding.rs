//! Recovery of sums with another rounding.

use super::*;
use crate::storage::ExactSum;

/// Sends a batch: totals of new series of a counter.
fn send(process: &mut TestProcess, totals: &[(&str, f64)]) {
    let family = counter("c_total");
    let change = |(label, total): &(&str, f64)| Change {
        series: SeriesKey::new(&family, &[*label]),
        family: Arc::clone(&family),
        deltas: vec![Number::Float(*total)],
        totals: vec![Number::Float(*total)],
        was_set: false,
        set_at: 0,
    };
    process.sequence += 1;
    let changes = totals.iter().map(change).collect();
    let batch = Batch { writer: process.writer, sequence: process.sequence, changes };
    process.backend.apply(&batch).expect("Redis takes it");
}

#[test]
fn sums_with_another_rounding_or_infinite_are_not_resent() {
    // The sum over threads in the file differs in its last bit.
    let sum = |parts: [f64; 3]| {
        let mut sum = ExactSum::ZERO;
        for part in parts {
            sum += part;
        }
        sum.value()
    };
    let (whole, one, other) = (1..1_000_u32)
        .map(|n| (f64::from(n), 0.1 * f64::from(n), 0.7 * f64::from(n)))
        .find(|(whole, one, other)| sum([*one, *other, *whole]) < whole + (one + other))
        .expect("there are such");
    let (server, spool) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let mut process = spooled(&server, &spool, 1);
    let arena = process.backend.arena().expect("there is a spool");
    for (place, label) in [(0, "x"), (1, "y")] {
        begin(&*arena, "c_total", label, place as usize);
        arena
            .add_cells(CellAddr { page: 0, cell: place }, CellAddr { page: 0, cell: 10 + place })
            .expect("there is room");
    }
    arena.publish().expect("it can be shown");
    let [first, second] = [1, 2].map(|shard| arena.page(shard, 0).expect("there is room").cells());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and whole")]
    first[0].store(whole as u64, Relaxed);
    first[10].store(one.to_bits(), Relaxed);
    second[10].store(other.to_bits(), Relaxed);
    first[11].store(f64::INFINITY.to_bits(), Relaxed);
    let total = whole + (one + other);
    send(&mut process, &[("x", total), ("y", f64::INFINITY)]);
    crash(&process);
    let killed = Killed { late: process.batch("c_total", "x", 0), server, spool, partitions: 1, process };
    recover(&killed.recoverer());
    let shown = killed.server.process_with(&json!({})).scrape().expect("Redis answers");
    assert_eq!(shown, [("c_total x".to_owned(), total), ("c_total y".to_owned(), f64::INFINITY)]);
    assert!(killed.files().is_empty());
}
