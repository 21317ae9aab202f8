// A variant has a field.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    Get,
    Other(String),
}

fn main() {}
