//! Which series counts for some labels, when there may be no more of them.

use std::borrow::Cow;

use super::core::FamilyCore;
use super::limit::{self, Limit};
use crate::model::key::Key;
use crate::storage::Series;

/// The way to the series of some values, on which labels may have to give way to the limit.
pub(super) struct Route<'a> {
    pub(super) values: Vec<Cow<'a, str>>,
    pub(super) gave_way: Vec<usize>,
}

impl<'a> Route<'a> {
    pub(super) fn new(key: &'a (impl Key + ?Sized)) -> Self {
        let mut values = key.values().into_iter().map(Cow::Borrowed).collect::<Vec<_>>();
        Self { gave_way: limit::shorten(&mut values), values }
    }

    /// Goes on until a series is found; `None` when one may be added.
    pub(super) fn follow(&mut self, core: &FamilyCore, limit: &Limit) -> Option<Series> {
        loop {
            if let Some(series) = core.find(&self.values[..]) {
                return Some(series);
            }
            if limit.admits(&self.values) {
                return None;
            }
            // Ends when every label has become `__other__`: that series is always admitted.
            self.gave_way.extend(limit.collapse(&mut self.values));
        }
    }
}
