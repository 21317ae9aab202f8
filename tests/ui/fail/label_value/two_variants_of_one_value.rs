// Two variants have one value.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    Get,
    #[label_value(rename = "get")]
    Fetch,
}

fn main() {}
