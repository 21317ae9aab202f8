// A variant has named fields.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    Get,
    Other { verb: String },
}

fn main() {}
