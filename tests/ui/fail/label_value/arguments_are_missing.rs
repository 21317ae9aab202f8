// The attribute says nothing.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    #[label_value]
    Get,
}

fn main() {}
