//! How the numbers of several processes become one.

/// How the numbers of several processes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregation {
    /// Each part is added up, over the living and the dead: counters, histograms, summaries.
    Add,
    /// A single value for all processes: the last that was set, plus what was added since. It outlives its setters.
    Shared,
    /// Added up over the living.
    LiveSum,
    /// The least of the living; processes that never set it have no value, see [`GaugeAggregate`](crate::backends::custom::GaugeAggregate).
    LiveMin,
    /// The greatest of the living.
    LiveMax,
    /// The value that was set last, by whichever process; it stays when the process ends.
    MostRecent,
    /// The value that a living process set last; it goes with the process.
    LiveMostRecent,
    /// A series for each living process, told apart by the label `pid`; see [`process_label`](crate::backends::custom::process_label).
    PerProcess,
}

impl Aggregation {
    /// Whether a gauge shows as 0 before anybody has set it.
    ///
    /// Of `Shared` and `LiveSum` it does: nothing, or no work, is 0. Of the others 0 would be a value that nobody has, the
    /// least of all or the time of a backup in 1970: a series that was never set has no sample.
    pub fn starts_at_zero(self) -> bool {
        matches!(self, Self::Add | Self::Shared | Self::LiveSum)
    }

    /// Whether each value goes with the process that has set it.
    pub fn is_live_only(self) -> bool {
        !matches!(self, Self::Add | Self::Shared | Self::MostRecent)
    }

    /// Whether the time at which a value was set says which one shows.
    pub(crate) fn is_by_time(self) -> bool {
        matches!(self, Self::MostRecent | Self::LiveMostRecent)
    }
}
