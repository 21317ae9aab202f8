//! Bytes per series. Each library and each number of series in a process of its own: what an earlier one left behind,
//! shared values or the pages of a thread that ended, would be found again for nothing.

use std::io;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;

use super::{Axis, Cell, Group, Run};
use crate::allocator::bytes_of;
use crate::peer::{Family, Values};
use crate::peers;
use crate::race::Figure;
use crate::values::pairs;

const HISTOGRAMS: usize = 1_000;

/// The first argument of such a process; the name of the library, a kind of metric and a number of series follow.
pub const ARGUMENT: &str = "--memory-of";

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    let bytes = |key, title| Group { unit: "bytes", ..Group::new(key, title, Axis::Series) };
    let mut counters = bytes("memory", "bytes per counter series, 2 labels, told with one thread");
    let mut further = bytes("memory_thread", "bytes per counter series for a further thread");
    let mut histograms = bytes("memory_histogram", "bytes per histogram of 11 buckets, 2 labels");
    let [wants_counters, wants_further, wants_histograms] =
        [&counters, &further, &histograms].map(|group| run.wants(group.key));
    for size in run.sizes().filter(|_| wants_counters || wants_further) {
        measure(&mut [&mut counters, &mut further], "counters", size);
    }
    if wants_histograms {
        measure(&mut [&mut histograms], "histograms", HISTOGRAMS);
    }
    for (group, wanted) in [(counters, wants_counters), (further, wants_further), (histograms, wants_histograms)] {
        if wanted {
            done(group);
        }
    }
}

/// Every library, into the groups: of one thread, and of one thread more.
fn measure(groups: &mut [&mut Group], what: &str, size: usize) {
    for (peer, kind) in peers::with_kinds() {
        let answer = ask(peer.name(), what, size).unwrap_or_else(|error| panic!("{} {what}: {error}", peer.name()));
        for (group, bytes) in groups.iter_mut().zip(answer) {
            let figure = Figure { median: bytes, min: bytes, disturbed: false };
            group.cells.push(Cell { name: peer.name(), kind, at: size, figure });
        }
    }
}

/// What another process says: nothing if the library has no such metric.
fn ask(peer: &str, what: &str, size: usize) -> io::Result<Vec<f64>> {
    let output = Command::new(std::env::current_exe()?).args([ARGUMENT, peer, what, &size.to_string()]).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    Ok(answer.split_whitespace().filter_map(|bytes| bytes.parse().ok()).collect())
}

/// The answer: bytes per series told with one thread, and bytes more for another.
pub fn answer(mut arguments: impl Iterator<Item = String>) -> Option<String> {
    let (peer, what, size) = (arguments.next()?, arguments.next()?, arguments.next()?.parse().ok()?);
    let peer = peers::ALL.into_iter().find(|known| known.name() == peer)?;
    let family = if what == "counters" { peer.pairs(size) } else { peer.histograms(size) };
    let sets: Arc<[_]> = pairs(size).into();
    Some(family.map_or(String::new(), |family| {
        let [first, further] = [(); 2].map(|()| told_by_a_thread(&family, &sets) as f64 / size as f64);
        format!("{first} {further}")
    }))
}

/// What one thread more takes, which stays.
fn told_by_a_thread(family: &Family<2>, sets: &Arc<[Values<2>]>) -> isize {
    let (family, sets) = (Arc::clone(family), Arc::clone(sets));
    let [ready, begin, end] = [(); 3].map(|()| Arc::new(Barrier::new(2)));
    let [its_ready, its_begin, its_end] = [&ready, &begin, &end].map(Arc::clone);
    thread::spawn(move || {
        its_ready.wait();
        its_begin.wait();
        family.update(&sets);
        its_end.wait();
        // Its numbers would be handed on to the next thread.
        loop {
            thread::park();
        }
    });
    // What the system takes for a thread is not counted.
    ready.wait();
    let ((), bytes) = bytes_of(|| {
        begin.wait();
        end.wait();
    });
    bytes
}
