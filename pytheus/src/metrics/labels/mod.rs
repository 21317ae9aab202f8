//! Labels: their values as types, and as names and values at run time.

mod family;
mod labelled;
mod owned_value;
mod partial;
mod typestate;

pub use family::Family;
pub use labelled::Labelled;
pub use owned_value::{EnumValue, OwnValue, OwnedLabel, SmallText, Store, StoreAs};
pub use partial::Partial;
pub use typestate::{AllSet, Defaulted, HasValue, LabelList, LabelSlot, NoValue, NotMissing, Set, Unset};
