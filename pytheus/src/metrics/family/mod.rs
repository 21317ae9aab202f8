//! The state of a family: its series, their order and limit, and their binding to a backend.

mod arena_binding;
mod bounds;
pub(crate) mod callbacks;
mod closed_index;
pub(crate) mod collect;
mod core;
mod limit;
mod removal;
mod sorted_cache;
pub(crate) mod sources;
mod zero_series;

use std::sync::Arc;

pub(crate) use self::core::{FamilyCore, record_no_room};
use crate::model::descriptor::Descriptor;
use crate::model::labels::LabelSpec;
use crate::storage::SlotRef;

/// A family as one declaration of it sees it.
#[derive(Clone)]
pub(crate) struct FamilyHandle {
    pub(crate) core: Arc<FamilyCore>,
    /// The labels as declared here: each handle of a shared family has its own defaults.
    pub(crate) specs: Arc<[LabelSpec]>,
    /// References to the series of each combination of closed sets; empty where the family has other sets.
    pub(crate) combinations: Arc<[SlotRef]>,
}

impl FamilyHandle {
    /// Pairs a family with a descriptor, the family's own or an equal one.
    pub(crate) fn new(core: Arc<FamilyCore>, descriptor: &Descriptor) -> Self {
        let combinations = core.combinations(&descriptor.labels);
        Self { core, specs: descriptor.labels.as_ref().into(), combinations }
    }
}
