//! The aggregation of a gauge over processes.

/// The aggregation of a gauge over several processes.
///
/// Without a [backend](crate::backends) that adds up processes, every mode reads the same.
///
/// An unset gauge shows as 0 in the modes `Shared` and `LiveSum`; in the other modes it has no sample until it is set.
/// So it is in one process, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum GaugeMode {
    /// A single value for all processes: the last `set` wins, `inc` and `dec` add up.
    #[default]
    Shared,
    /// The sum over the living processes.
    LiveSum,
    /// The minimum of the living processes.
    LiveMin,
    /// The maximum of the living processes.
    LiveMax,
    /// The value set last by any process. It stays when the process ends, like the time of the last backup. Named
    /// `mostrecent` by Python's client.
    MostRecent,
    /// The value set last by a living process. Named `livemostrecent` by Python's client.
    LiveMostRecent,
    /// A series per living process, with the label `pid`.
    PerProcess,
}

impl GaugeMode {
    /// Returns whether an unset gauge shows as 0.
    pub(crate) const fn starts_at_zero(self) -> bool {
        matches!(self, Self::Shared | Self::LiveSum)
    }
}
