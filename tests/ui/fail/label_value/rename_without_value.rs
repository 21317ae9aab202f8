// `rename` has no value.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    #[label_value(rename)]
    Get,
}

fn main() {}
