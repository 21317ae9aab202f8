//! The processes whose numbers a backend adds up.

/// The processes whose numbers a backend adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AggregationScope {
    /// This process alone.
    Process,
    /// The processes of one machine.
    Machine,
    /// Processes anywhere.
    Everywhere,
}
