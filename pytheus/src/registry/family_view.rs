//! A family on its way from a registry to an encoder.

use std::borrow::Cow;
use std::fmt;

use super::decoration::Decoration;
use crate::backends::api::FamilyTotals;
use crate::model::descriptor::Kind;
use crate::model::snapshot::FamilySnapshot;

/// A family, as [`Registry::scrape`](super::Registry::scrape) shows it during a scrape.
///
/// Numbers of this crate reach an encoder as they are, without a sample per line of text.
#[derive(Clone)]
pub struct FamilyView<'a>(ViewSource<'a>);

#[derive(Clone)]
enum ViewSource<'a> {
    Totals { totals: &'a FamilyTotals<'a>, decoration: &'a Decoration, name: Cow<'a, str>, labels: &'a str },
    Snapshot(Cow<'a, FamilySnapshot>),
}

/// The contents of a family for an encoder.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    /// Numbers, and the constant labels, as text and as pairs.
    Totals(&'a FamilyTotals<'a>, &'a str, &'a [(String, String)]),
    Snapshot(&'a FamilySnapshot),
}

impl<'a> FamilyView<'a> {
    /// Makes a view of totals with the prefix and rendered labels of a registry.
    pub(super) fn totals(totals: &'a FamilyTotals<'a>, decoration: &'a Decoration, labels: &'a str) -> Self {
        Self(ViewSource::Totals { totals, decoration, name: decoration.full_name(totals.descriptor().name()), labels })
    }

    /// Returns the full name.
    pub fn name(&self) -> &str {
        match &self.0 {
            ViewSource::Totals { name, .. } => name,
            ViewSource::Snapshot(snapshot) => snapshot.name(),
        }
    }

    /// Returns the kind.
    pub(super) fn kind(&self) -> Kind {
        match &self.0 {
            ViewSource::Totals { totals, .. } => totals.descriptor().kind(),
            ViewSource::Snapshot(snapshot) => snapshot.kind(),
        }
    }

    /// Copies the family with all its samples.
    pub fn to_snapshot(&self) -> FamilySnapshot {
        match &self.0 {
            ViewSource::Totals { totals, decoration, .. } => {
                let mut snapshot = totals.snapshot();
                decoration.decorate(&mut snapshot);
                snapshot
            }
            ViewSource::Snapshot(snapshot) => snapshot.clone().into_owned(),
        }
    }

    pub(crate) fn content(&self) -> Content<'_> {
        match &self.0 {
            ViewSource::Totals { totals, labels, decoration, .. } => {
                Content::Totals(totals, labels, &decoration.labels)
            }
            ViewSource::Snapshot(snapshot) => Content::Snapshot(snapshot),
        }
    }
}

impl<'a> From<&'a FamilySnapshot> for FamilyView<'a> {
    fn from(snapshot: &'a FamilySnapshot) -> Self {
        Self(ViewSource::Snapshot(Cow::Borrowed(snapshot)))
    }
}

impl From<FamilySnapshot> for FamilyView<'_> {
    fn from(snapshot: FamilySnapshot) -> Self {
        Self(ViewSource::Snapshot(Cow::Owned(snapshot)))
    }
}

impl fmt::Debug for FamilyView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FamilyView").field(&self.name()).finish()
    }
}
