// `rename` is given twice.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    #[label_value(rename = "GET", rename = "Get")]
    Get,
}

fn main() {}
