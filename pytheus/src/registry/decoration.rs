//! The prefix and the constant labels of a registry.

use std::borrow::Cow;

use crate::model::escape;
use crate::model::snapshot::FamilySnapshot;

/// A prefix, and constant labels sorted by name.
#[derive(Debug)]
pub(super) struct Decoration {
    pub(super) prefix: Option<String>,
    pub(super) labels: Vec<(String, String)>,
}

impl Decoration {
    pub(super) const NONE: Self = Self { prefix: None, labels: Vec::new() };

    pub(super) fn full_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        self.prefix.as_ref().map_or(Cow::Borrowed(name), |prefix| Cow::Owned(format!("{prefix}_{name}")))
    }

    /// Returns the constant labels as text, without braces.
    pub(super) fn exposed_labels(&self) -> String {
        let mut text = String::new();
        escape::labels(&mut text, self.labels.iter().map(|(name, value)| (&**name, &**value)));
        text
    }

    /// Adds the prefix and the labels to a family.
    pub(super) fn decorate(&self, family: &mut FamilySnapshot) {
        if self.prefix.is_some() {
            family.name = self.full_name(&family.name).into_owned();
        }
        if !self.labels.is_empty() {
            for point in &mut family.points {
                let constant = self.labels.iter().cloned();
                point.labels.splice(0..0, constant.map(|(name, value)| (name.into(), value.into())));
            }
        }
    }
}
