//! The scripts for Python's keys, and the order of their labels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::backends::custom::FamilyKey;
use crate::backends::redis::client::connection::ServerScript;
use crate::backends::redis::context::Context;
use crate::backends::redis::python::names;
use crate::report;
use crate::sync::lock;

pub(crate) struct PythonClient {
    pub(crate) context: Arc<Context>,
    pub(crate) apply: ServerScript,
    pub(crate) find: ServerScript,
    pub(crate) read: ServerScript,
    /// The order of a family's labels in Python, where it is not the default.
    orders: Mutex<HashMap<String, Vec<usize>>>,
}

impl PythonClient {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            apply: ServerScript::new(include_str!("apply.lua")),
            find: ServerScript::new(include_str!("find.lua")),
            read: ServerScript::new(include_str!("read.lua")),
            orders: Mutex::default(),
        }
    }

    pub(crate) fn order(&self, id: &str, family: &FamilyKey) -> Vec<usize> {
        lock(&self.orders).get(id).cloned().unwrap_or_else(|| names::default_order(family))
    }

    /// Remembers the order of a family's labels in Python.
    pub(crate) fn learn_order(&self, id: &str, family: &FamilyKey, order: &[usize]) {
        if order != names::default_order(family) {
            lock(&self.orders).entry(id.to_owned()).or_insert_with(|| order.to_vec());
        }
    }
}

/// Reports a key with other contents than the family's.
pub(crate) fn report_mismatch(key: &str) {
    let message = format!(
        "the key `{key}` in Redis does not hold what Python's pytheus would keep there for a metric as this program declares \
         it (have its labels changed?): what is counted there shows nowhere until the key is removed"
    );
    report::report_as(report::Level::Error, ("redis python", key), &message);
}
