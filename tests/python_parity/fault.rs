//! The errors of the functions that the tests count: what Python's tests raise.

/// A fault of some sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Stands for `IndexError`.
    Index,
    /// Stands for `ValueError`.
    Value,
}

/// Fails, as Python's `raise` does.
pub(crate) fn raise(fault: Fault) -> Result<(), Fault> {
    Err(fault)
}
