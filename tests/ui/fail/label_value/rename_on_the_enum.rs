// `rename` belongs to a variant.
use pytheus::LabelValue;

#[derive(LabelValue)]
#[label_value(rename = "verb")]
enum Method {
    Get,
}

fn main() {}
