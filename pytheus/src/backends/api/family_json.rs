//! A family as JSON, for backends that store it.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::backends::api::error::BackendError;
use crate::backends::api::family_key::{FamilyKey, mode_name};
use crate::model::descriptor::{Descriptor, GaugeMode, Kind};
use crate::model::labels::LabelSpec;
use crate::model::number;

impl FamilyKey {
    /// The family as JSON, for a backend that keeps it.
    pub fn to_json(&self) -> Value {
        let descriptor = self.descriptor();
        let mut family = Map::new();
        family.insert("scope".into(), json!(self.scope()));
        family.insert("name".into(), json!(descriptor.name()));
        family.insert("kind".into(), json!(descriptor.kind().to_string()));
        family.insert("help".into(), json!(descriptor.help()));
        if let Some(unit) = descriptor.unit() {
            family.insert("unit".into(), json!(unit));
        }
        family.insert("labels".into(), json!(descriptor.label_names().collect::<Vec<_>>()));
        let defaults =
            descriptor.labels.iter().filter_map(|label| Some((label.name().into(), label.default_text()?.into())));
        let defaults: Map<String, Value> = defaults.collect();
        if !defaults.is_empty() {
            family.insert("defaults".into(), Value::Object(defaults));
        }
        if descriptor.kind() == Kind::Histogram {
            // As text: it reads back as the very same number, whoever reads it.
            let bounds: Vec<_> = descriptor.buckets().iter().map(|bound| number::to_text(*bound)).collect();
            family.insert("buckets".into(), json!(bounds));
        }
        if descriptor.kind() == Kind::StateSet {
            family.insert("states".into(), json!(descriptor.states()));
        }
        if descriptor.kind() == Kind::Gauge {
            family.insert("mode".into(), json!(mode_name(descriptor.mode())));
        }
        Value::Object(family)
    }

    /// The family that [`to_json`](Self::to_json) has written, by this process or another.
    ///
    /// # Errors
    ///
    /// When something is missing or is not what it should be; the error names it.
    pub fn from_json(json: &Value) -> Result<Self, FamilyKeyError> {
        Self::parse(json).map_err(FamilyKeyError)
    }

    fn parse(json: &Value) -> Result<Self, BackendError> {
        let text = |key: &str| json.get(key).and_then(Value::as_str).ok_or_else(|| fault(key, "a text"));
        let kind = match text("kind")? {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "histogram" => Kind::Histogram,
            "summary" => Kind::Summary,
            "info" => Kind::Info,
            "stateset" => Kind::StateSet,
            _ => return Err(fault("kind", "a kind of metric")),
        };
        let list = |key: &str| -> Result<Vec<String>, BackendError> {
            let values = json.get(key).and_then(Value::as_array).ok_or_else(|| fault(key, "a list of texts"))?;
            let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| fault(key, "a list of texts"))
        };
        let mut descriptor = Descriptor::new(kind, text("name")?.to_owned(), text("help")?.to_owned())?;
        for label in list("labels")? {
            let default = json.get("defaults").and_then(|defaults| defaults.get(&label));
            let mut label = LabelSpec::required(label.into());
            if let Some(default) = default {
                let text = default.as_str().ok_or_else(|| fault("defaults", "an object of texts"))?;
                label = label.with_default(text.to_owned().into());
            }
            descriptor.add_label(label)?;
        }
        if json.get("unit").is_some() {
            descriptor = descriptor.with_unit(text("unit")?.to_owned())?;
        }
        match kind {
            Kind::Histogram => {
                let bounds: Result<Vec<f64>, _> = list("buckets")?.iter().map(|bound| bound.parse()).collect();
                let mut bounds = bounds.map_err(|_| fault("buckets", "a list of numbers as text"))?;
                if bounds.is_empty() {
                    bounds.push(f64::INFINITY);
                }
                descriptor = descriptor.with_buckets(bounds)?;
            }
            Kind::StateSet => descriptor = descriptor.with_states(interned(list("states")?))?,
            Kind::Gauge => {
                let name = text("mode")?;
                let mode = MODES.iter().find(|mode| mode_name(**mode) == name);
                descriptor = descriptor.with_mode(*mode.ok_or_else(|| fault("mode", "a mode of gauges"))?)?;
            }
            _ => {}
        }
        Ok(Self::new(text("scope")?, descriptor))
    }
}

const MODES: [GaugeMode; 7] = [
    GaugeMode::Shared,
    GaugeMode::LiveSum,
    GaugeMode::LiveMin,
    GaugeMode::LiveMax,
    GaugeMode::MostRecent,
    GaugeMode::LiveMostRecent,
    GaugeMode::PerProcess,
];

/// The same texts for the rest of the process: descriptors borrow them. Each is kept once, and they are few.
fn interned(texts: Vec<String>) -> Vec<&'static str> {
    use std::collections::HashSet;
    use std::sync::{LazyLock, Mutex};

    static KNOWN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);
    let mut known = crate::sync::lock(&KNOWN);
    let mut intern = |text: String| {
        if let Some(text) = known.get(text.as_str()) {
            return *text;
        }
        let text: &'static str = text.leak();
        known.insert(text);
        text
    };
    texts.into_iter().map(&mut intern).collect()
}

/// A text that should be a family, as [`FamilyKey::to_json`] writes it, and is none.
#[derive(Debug)]
pub struct FamilyKeyError(BackendError);

impl fmt::Display for FamilyKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for FamilyKeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

fn fault(key: &str, expected: &str) -> BackendError {
    format!("a family's `{key}` should be {expected}").into()
}
