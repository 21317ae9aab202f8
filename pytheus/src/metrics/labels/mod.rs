//! Labels: their values as types, and as names and values at run time.

mod family;
mod label_set;
mod labelled;
mod owned_value;
mod partial;
mod typestate;

pub use family::Family;
pub use label_set::{LabelSet, SetLabels, closed_sets, label_specs};
pub use labelled::Labelled;
pub use owned_value::{EnumValue, Lend, OwnValue, OwnedLabel, SmallText, Store, StoreAs};
pub use partial::Partial;
pub use typestate::{AllSet, Defaulted, HasValue, LabelList, LabelSlot, NoValue, NotMissing, Set, Unset};
