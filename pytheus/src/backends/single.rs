//! One process: what its cells hold is the total.

use crate::backends::api::Backend;

/// One process: what it has counted is the total. The backend of a program that loads no other.
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
