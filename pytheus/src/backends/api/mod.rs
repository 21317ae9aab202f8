//! The seam: what the core and a backend say to each other.

mod aggregation;
mod aggregation_scope;
mod arena;
mod backend;
mod batch;
mod error;
#[cfg(feature = "backend-config")]
mod family_json;
pub(super) mod family_key;
mod family_totals;
pub(super) mod gauge_aggregate;
mod local_family;
mod process_label;
mod series_key;
mod totals;
mod versions;

pub use aggregation::Aggregation;
pub use aggregation_scope::AggregationScope;
pub(crate) use arena::ProcessArena;
pub use arena::{Arena, CellAddr, NewSeries, Page};
pub use backend::Backend;
pub use batch::{Batch, Change, Removal, WriterId};
pub use error::BackendError;
#[cfg(feature = "backend-config")]
pub use family_json::FamilyKeyError;
pub use family_key::FamilyKey;
pub(crate) use family_key::{cells, part_count};
pub(crate) use family_totals::FamilyTotals;
pub use gauge_aggregate::GaugeAggregate;
pub(crate) use local_family::LocalFamily;
pub use process_label::process_label;
pub use series_key::SeriesKey;
pub use totals::Totals;
