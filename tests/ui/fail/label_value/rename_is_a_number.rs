// The name of a variant is a number.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    #[label_value(rename = 1)]
    Get,
}

fn main() {}
