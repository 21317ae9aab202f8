//! A metric declared by a macro: a `static` that finds its family at the first use.

use std::any::{Any, TypeId};
use std::fmt;
use std::panic::RefUnwindSafe;
use std::sync::Arc;

use once_cell::race::OnceRef;

use super::Metric;
use super::core::FamilyCore;
use super::family::Family;
use super::handle::{Handle, noted};
use crate::collector::Collector;
use crate::model::descriptor::Descriptor;
use crate::registry::{self, Declaration, Scope};
use crate::storage::{CellSet, Cells, Series, SlotRef};

/// What a declared metric is and where it counts.
///
/// It holds its own identity, not a registry: which family that gives is settled at the first use, without a lock
/// for all who come later. What is found stays for the life of the program.
#[repr(C)]
pub struct Declared<M: Metric> {
    /// Lets the place begin where it does in a series, so that all handles lead to theirs by the same instructions.
    pad: u32,
    /// Where the cells of its own series are, once that was found, and until it is removed.
    place: SlotRef,
    descriptor: &'static Descriptor,
    scope: Scope,
    /// The label values of the series that this declaration itself stands for: none, or literals.
    own: Option<&'static [&'static str]>,
    family: OnceRef<'static, Family<M>>,
}

// The reference to the family is one atomic pointer, set once: a panic leaves it empty or whole. `OnceRef` does not
// say so for itself.
impl<M: Metric> RefUnwindSafe for Declared<M> {}

impl<M: Metric> Declared<M> {
    /// A declaration; `own` are the label values of its own series, when they are all literals.
    pub const fn new(descriptor: &'static Descriptor, scope: Scope, own: Option<&'static [&'static str]>) -> Self {
        Self { pad: 0, place: SlotRef::unbound(), descriptor, scope, own, family: OnceRef::new() }
    }

    /// The series of the declaration itself.
    pub const fn own(&'static self) -> Handle<M> {
        Handle::declared(self)
    }

    /// The family.
    #[inline]
    pub fn family(&'static self) -> &'static Family<M> {
        match self.family.get() {
            Some(family) => family,
            None => self.find_family(),
        }
    }

    /// The description at this place; that of a shared family may differ in help and defaults.
    #[inline]
    pub(super) fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    #[inline]
    pub(super) fn slot_ref(&'static self) -> &'static SlotRef {
        &self.place
    }

    /// The label values of its own series.
    pub(super) fn own_values(&self) -> &'static [&'static str] {
        self.own.unwrap_or_default()
    }

    #[inline]
    pub(super) fn core(&'static self) -> &'static Arc<FamilyCore> {
        self.family().core()
    }

    /// Acts on the cells of its own series, where the way that is known leads nowhere.
    #[cold]
    pub(super) fn update_slowly(&'static self, set: CellSet, act: &mut dyn FnMut(Cells)) {
        while noted(self.core().touch(&self.series_now(), set, act)).is_err() {}
        if set == CellSet::Extra {
            self.refresh();
        }
    }

    /// Finds the extra cells that its own series has got.
    pub(super) fn refresh(&'static self) {
        if self.place.is_bound() && !self.place.is_invalidated() {
            self.core().refresh(&self.place);
        }
    }

    /// Its own series as it is now; the way to it is known from then on, until it is removed.
    pub(super) fn series_now(&'static self) -> Series {
        let core = self.core();
        if self.place.is_invalidated() {
            core.series(self.own_values())
        } else {
            core.declare(&self.place, self.own_values())
        }
    }

    #[cold]
    fn find_family(&'static self) -> &'static Family<M> {
        match self.scope {
            Scope::Default => registry::resolve_default(self),
            Scope::In(_) => registry::resolve_elsewhere(self),
            Scope::Nowhere => {
                self.attach(self.build());
            }
        }
        // Every way through attaches a family.
        self.family.get().unwrap_or_else(|| self.settle(self.new_core()))
    }

    /// The family that was there first; else one of this core, for as long as the program runs.
    fn settle(&'static self, core: Arc<FamilyCore>) -> &'static Family<M> {
        self.family.get_or_init(|| Box::leak(Box::new(Family::new(core, self.descriptor))))
    }

    fn new_core(&self) -> Arc<FamilyCore> {
        Arc::new(FamilyCore::new(self.descriptor.clone(), TypeId::of::<M>()))
    }
}

impl<M: Metric> Declaration for Declared<M> {
    fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn build(&self) -> Arc<dyn Collector> {
        self.new_core()
    }

    fn attach(&'static self, family: Arc<dyn Collector>) -> bool {
        let core = (family as Arc<dyn Any + Send + Sync>).downcast::<FamilyCore>();
        let core = core.ok().filter(|core| core.counts::<M>());
        let fits = core.is_some();
        let core = core.unwrap_or_else(|| self.new_core());
        let family = self.settle(core);
        if let Some(own) = self.own {
            family.core().promise(own);
        }
        fits
    }

    fn is_attached(&self) -> bool {
        self.family.get().is_some()
    }
}

impl<M: Metric> fmt::Debug for Declared<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Declared").field(&self.descriptor.name()).finish()
    }
}
