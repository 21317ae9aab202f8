//! Totals in a Redis: what that costs whoever counts, whatever becomes of the server; and how long it takes to ship and to
//! scrape them. The limit is this library in one process, the peers are Python's `pytheus`, with both of its backends.

mod answer;
mod calls;
mod counting;
mod python;
mod scrape;
mod server;
mod shipping;
mod state;

pub use answer::{Known, answer};

use super::{Group, Run};
use crate::race::Kind;

const OURS: &str = "pytheus";
/// With Python's layout.
const AS_PYTHON: &str = "pytheus, Python's layout";
const PYTHON: &str = "Python's pytheus";
const RUST: &str = "pytheus-backend-rs";

/// What a process of this library or of Python's is in a row.
type Side<P> = (&'static str, Kind, P);

pub(super) fn rows(run: &Run, done: &mut dyn FnMut(Group)) {
    for rows in [counting::rows, calls::rows, python::rows, shipping::rows, scrape::rows] {
        rows(run, done);
    }
}
