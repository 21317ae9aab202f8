// The name of a label is a word that can name no method, raw or not.
fn main() {}

use pytheus::counter;

/// Jobs.
#[counter(name = "jobs_total", labels(super = "a"))]
fn plain() {}

/// Jobs.
#[counter(name = "raws_total", labels(r#self = "a"))]
fn raw() {}
