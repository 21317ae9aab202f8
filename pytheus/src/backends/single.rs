//! The backend of a single process: its cells hold the totals.

use crate::backends::api::Backend;

/// The totals of this process alone: the backend of a program that loads no other.
///
/// Its names in `PYTHEUS_BACKEND_CLASS` are `single`, `SingleProcessBackend` and the path of Python's,
/// `pytheus.backends.base.SingleProcessBackend`.
#[derive(Debug, Default, Clone, Copy)]
pub struct SingleProcessBackend;

/// Its names in `PYTHEUS_BACKEND_CLASS`, as in Python's pytheus.
pub(crate) const NAMES: &[&str] = &[
    "single",
    "SingleProcessBackend",
    "pytheus.backends.base.SingleProcessBackend",
    "pytheus.backends.SingleProcessBackend",
];

impl Backend for SingleProcessBackend {}
