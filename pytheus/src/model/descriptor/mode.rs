//! How the values of a gauge combine.

/// How the values of a gauge combine when several processes report it.
///
/// Where no [backend](crate::backends) adds up several processes, every mode reads the same.
///
/// A gauge that nobody has set shows as 0 where that is its value: `Shared` and `LiveSum`. Of all other modes it has no
/// sample until it is set, in one process, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum GaugeMode {
    /// A single value for all processes: the last `set` wins, `inc` and `dec` add up.
    #[default]
    Shared,
    /// The sum over the living processes.
    LiveSum,
    /// The least value of the living processes.
    LiveMin,
    /// The greatest value of the living processes.
    LiveMax,
    /// The value that was set last, by whichever process: it stays when the process ends, as the time of the last backup
    /// should. Named `mostrecent` by Python's client.
    MostRecent,
    /// The value that a living process set last. Named `livemostrecent` by Python's client.
    LiveMostRecent,
    /// A series per living process, told apart by the label `pid`.
    PerProcess,
}

impl GaugeMode {
    /// Whether a gauge shows as 0 before anybody has set it.
    pub(crate) const fn starts_at_zero(self) -> bool {
        matches!(self, Self::Shared | Self::LiveSum)
    }
}
