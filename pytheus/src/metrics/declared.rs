//! A metric declared by a macro: a `static` that finds its family at the first use.

use std::any::{Any, TypeId};
use std::fmt;
use std::panic::RefUnwindSafe;
use std::sync::Arc;

use once_cell::race::OnceRef;

use crate::collector::Collector;
use crate::metrics::family::{FamilyCore, FamilyHandle, record_no_room};
use crate::model::descriptor::Descriptor;
use crate::registry::{self, Declaration, Scope};
use crate::storage::{CellSet, Cells, Series, SlotRef};

/// A declaration: the description of a metric, and where it counts.
///
/// It holds no registry. The family is resolved at the first use and stays for the life of the program, so that later uses take
/// no lock.
#[repr(C)]
pub struct Declared {
    /// Puts the reference at the same offset as in a series: handles of both sorts share their instructions.
    pad: u32,
    /// Refers to the cells of the unlabelled series, from the first use until that is removed.
    slot_ref: SlotRef,
    descriptor: &'static Descriptor,
    scope: Scope,
    /// The type of the metric.
    metric: fn() -> TypeId,
    /// The label values of the declaration's own series: none, or literals.
    values: Option<&'static [&'static str]>,
    family: OnceRef<'static, FamilyHandle>,
}

// The reference to the family is one atomic pointer, set once: a panic leaves it empty or whole. `OnceRef` does not
// say so for itself.
impl RefUnwindSafe for Declared {}

impl Declared {
    /// Declares a metric of type `M`; `values` are the label values of its own series, when all are literals.
    pub const fn new<M: 'static>(
        descriptor: &'static Descriptor,
        scope: Scope,
        values: Option<&'static [&'static str]>,
    ) -> Self {
        let (slot_ref, family) = (SlotRef::unbound(), OnceRef::new());
        Self { pad: 0, slot_ref, descriptor, scope, metric: TypeId::of::<M>, values, family }
    }

    /// Returns the family.
    #[inline]
    pub(crate) fn family(&'static self) -> &'static FamilyHandle {
        match self.family.get() {
            Some(family) => family,
            None => self.resolve_family(),
        }
    }

    /// Returns the description given here; that of a shared family may differ in help and defaults.
    #[inline]
    pub(crate) fn descriptor(&self) -> &'static Descriptor {
        self.descriptor
    }

    #[inline]
    pub(crate) fn slot_ref(&'static self) -> &'static SlotRef {
        &self.slot_ref
    }

    /// Returns the label values of the declaration's own series.
    pub(crate) fn values(&self) -> &'static [&'static str] {
        self.values.unwrap_or_default()
    }

    #[inline]
    pub(crate) fn core(&'static self) -> &'static Arc<FamilyCore> {
        &self.family().core
    }

    /// Updates the cells of the declaration's own series, where the reference leads to none.
    #[cold]
    pub(crate) fn update_slow(&'static self, set: CellSet, act: &mut dyn FnMut(Cells)) {
        while record_no_room(self.core().update_slow(&self.series(), set, act)).is_err() {}
        if set == CellSet::Extra {
            self.refresh();
        }
    }

    /// Refers to the extra cells that the series has got since.
    pub(crate) fn refresh(&'static self) {
        if self.slot_ref.is_bound() && !self.slot_ref.is_invalidated() {
            self.core().refresh(&self.slot_ref);
        }
    }

    /// Returns the declaration's own series, and binds the reference to it until it is removed.
    pub(crate) fn series(&'static self) -> Series {
        let core = self.core();
        if self.slot_ref.is_invalidated() {
            core.series(self.values())
        } else {
            core.bind_declared(&self.slot_ref, self.values())
        }
    }

    #[cold]
    fn resolve_family(&'static self) -> &'static FamilyHandle {
        match self.scope {
            Scope::Default => registry::resolve_default(self),
            Scope::In(_) => registry::resolve_elsewhere(self),
            Scope::Nowhere => {
                self.attach(self.build());
            }
        }
        // Each arm attaches a family.
        self.family.get().unwrap_or_else(|| self.attach_core(self.new_core()))
    }

    /// Returns the family that was attached first; else attaches this core, for the life of the program.
    fn attach_core(&'static self, core: Arc<FamilyCore>) -> &'static FamilyHandle {
        self.family.get_or_init(|| Box::leak(Box::new(FamilyHandle::new(core, self.descriptor))))
    }

    fn new_core(&self) -> Arc<FamilyCore> {
        Arc::new(FamilyCore::new(self.descriptor.clone(), (self.metric)()))
    }
}

impl Declaration for Declared {
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
        let core = core.ok().filter(|core| core.metric() == (self.metric)());
        let fits = core.is_some();
        let core = core.unwrap_or_else(|| self.new_core());
        let family = self.attach_core(core);
        if let Some(values) = self.values {
            family.core.add_zero_series(values);
        }
        fits
    }

    fn is_attached(&self) -> bool {
        self.family.get().is_some()
    }
}

impl fmt::Debug for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Declared").field(&self.descriptor.name()).finish()
    }
}
