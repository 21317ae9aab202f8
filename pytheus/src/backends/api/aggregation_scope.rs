//! How far a backend reaches.

/// Whose numbers a backend adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AggregationScope {
    /// Those of this process alone.
    Process,
    /// Those of processes on one machine.
    Machine,
    /// Those of processes anywhere.
    Everywhere,
}
