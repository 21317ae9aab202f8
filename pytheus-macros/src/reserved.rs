//! Method names of a labelled handle, and the names of its label methods.

use syn::Ident;

use crate::options::{Kind, Label};

/// The methods of every metric's handle.
const METHODS: [&str; 14] = [
    "series_without",
    "with",
    "family",
    "to_series",
    "descriptor",
    "labels",
    "partial",
    "to_partial",
    "remove",
    "retain",
    "clear",
    "collector",
    "clone",
    "deref",
];

/// The methods of this kind of metric.
fn methods(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Counter => &[
            "inc",
            "inc_by",
            "get",
            "count_errors",
            "count_errors_if",
            "count_errors_future",
            "count_errors_if_future",
        ],
        Kind::Gauge => &[
            "inc",
            "inc_by",
            "dec",
            "dec_by",
            "set",
            "set_to_current_time",
            "track_inprogress",
            "track_inprogress_call",
            "track_inprogress_future",
            "time",
            "time_call",
            "time_future",
            "set_function",
            "get",
        ],
        Kind::Histogram | Kind::Summary => {
            &["observe", "observe_duration", "time", "time_call", "time_future", "count", "sum"]
        }
        Kind::Info => &["set", "is_set"],
        Kind::StateSet => &["set", "enable", "disable", "is_enabled"],
    }
}

/// Names the method of a label: `label_time` for `time`, a method of the handle itself.
pub(crate) fn setter(kind: Kind, label: &Label, all: &[Label]) -> Ident {
    let text = label.text();
    let span = label.name.span();
    if !METHODS.contains(&&*text) && !methods(kind).contains(&&*text) {
        return Ident::new_raw(&text, span);
    }
    let mut name = format!("label_{text}");
    while all.iter().any(|other| other.text() == name) {
        name.insert(0, '_');
    }
    Ident::new(&name, span)
}
